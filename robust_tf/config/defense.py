"""The flags of Active Defense: the command line's, then what was calibrated, then the paper's."""

import pathlib

from absl import flags

from robust_tf.config import filling, flagfile
from robust_tf.errors import InputError

FLAGS = flags.FLAGS

# What calibrate writes beside a network, and evaluate and export read.
CALIBRATED = "active_defense.cfg"
# "we choose sigma = 0.075 for uniform noise and beta = 80 for the updating step size, while for the
# upper bound of feature loss delta, 0.0124 for CIFAR-10 and 0.0118 for CIFAR-100" (paper 4).
_PAPERS_SIGMA, _PAPERS_BETA = 0.075, 80.0
_PAPERS_DELTA = {"cifar10": 0.0124, "cifar100": 0.0118}
# Of a random defence.
_DECISIONS = 5


def calibrated_file(model: pathlib.Path) -> pathlib.Path:
    """Where the calibration of a network lies: in its run directory or beside its .keras file."""
    if model.is_dir():
        return model / CALIBRATED
    # A checkpoint lies in the folder checkpoints of its run.
    run_dir = model.parent.parent
    in_a_run = (run_dir / "flags.cfg").exists()
    return run_dir / CALIBRATED if in_a_run else model.with_suffix(f".{CALIBRATED}")


def fill_layer() -> None:
    """The layer is the one that was smoothed in training; the noise is the paper's."""
    filling.fill({"defense_layer": FLAGS.smoothing_layer, "defense_sigma": _PAPERS_SIGMA})


def fill(model: pathlib.Path) -> None:
    """Gives the flags of the defence their values; without a defence they must be left alone."""
    FLAGS.defense_loops = FLAGS.defense_loops or (1,)
    if FLAGS.defense == "none":
        refuse(flagfile.OF_A_DEFENCE, "with --defense=none; it is of active")
    else:
        _take_calibration(calibrated_file(model))
    found = [FLAGS[name].value for name in ("defense_delta", "defense_beta")]
    fill_layer()
    filling.fill({"defense_beta": _PAPERS_BETA, "defense_delta": _PAPERS_DELTA.get(FLAGS.dataset)})
    if FLAGS.defense == "active" and FLAGS.defense_delta is None:
        raise InputError(
            f"--defense_delta is missing, and the paper has none for {FLAGS.dataset}; expected "
            "a number, or what python -m robust_tf.calibrate --model=RUN_DIR finds."
        )
    if FLAGS.defense == "active" and None in found:
        print(
            f"WARNING: {calibrated_file(model)} is missing, so delta and beta are the paper's, "
            "which belong to its own network; python -m robust_tf.calibrate finds this one's."
        )


def _take_calibration(path: pathlib.Path) -> None:
    found = flagfile.read(path) if path.exists() else {}
    layer = found.get("defense_layer", FLAGS.defense_layer)
    if FLAGS["defense_layer"].present and layer != FLAGS.defense_layer:
        raise InputError(
            f"--defense_layer={FLAGS.defense_layer}, but {path} is of {layer}; expected that "
            "layer, or a calibration of the other."
        )
    filling.take(found)


def refuse(names: tuple[str, ...], why: str) -> None:
    """Flags that would do nothing are a mistake, unless they are at their defaults."""
    for name in names:
        if FLAGS[name].present and FLAGS[name].value != FLAGS[name].default:
            raise InputError(f"--{name} does nothing {why}.")


def fill_decisions() -> None:
    """Several decisions are of something random."""
    refuse(("defense_seeded",), "in an evaluation; it is a flag of export")
    _refuse_several_loops()
    if (FLAGS.defense_attacked_cap or 0) > FLAGS.defense_cap:
        raise InputError(
            f"--defense_attacked_cap={FLAGS.defense_attacked_cap} is above "
            f"--defense_cap={FLAGS.defense_cap}; expected no more."
        )
    random = FLAGS.defense == "active" and FLAGS.defense_sigma > 0
    filling.fill({"decisions": _DECISIONS if random else 1})
    if random and FLAGS.decisions == 1:
        raise InputError("--decisions=1 says nothing of a random defence; expected 2 or more.")
    if not random and (FLAGS.decisions > 1 or FLAGS.submissions):
        name = "submissions" if FLAGS.submissions else "decisions"
        raise InputError(
            f"--{name} is of a random defence, whose decisions differ; expected --defense=active "
            "and a --defense_sigma above 0."
        )


def fill_single(model: pathlib.Path) -> None:
    """The same as fill, of a defence that decides on each image once."""
    fill(model)
    of_several = ("decisions", "submissions", "keep_transfers")
    of_others = (*of_several, "defense_attacked_cap", "defense_attacked_beta", "defense_seeded")
    refuse(of_others, "where each image is decided once")
    _refuse_several_loops()
    filling.fill({"decisions": 1})


def _refuse_several_loops() -> None:
    if len(FLAGS.defense_loops) > 1:
        several = ",".join(map(str, FLAGS.defense_loops))
        raise InputError(f"--defense_loops={several} is for export; expected one number.")


def in_a_name() -> list[str]:
    """The parts of a result's name that tell one defence from another."""
    if FLAGS.defense == "none":
        return []
    numbers = ("delta", "beta", "sigma", "cap", "attacked_cap", "attacked_beta")
    given = [(name, FLAGS[f"defense_{name}"].value) for name in numbers]
    given.append(("loops", FLAGS.defense_loops[0]))
    parts = [f"{name}{value:.4g}" for name, value in given if value is not None]
    parts += ["clip"] if FLAGS.defense_clip else []
    parts += ["submissions", *map(str, FLAGS.submissions)] if FLAGS.submissions else []
    return ["active", FLAGS.defense_layer, *parts, f"{FLAGS.decisions}decisions"]
