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
PAPERS = {"defense_layer": "group0", "defense_beta": 80.0, "defense_sigma": 0.075}
_PAPERS_DELTA = {"cifar10": 0.0124, "cifar100": 0.0118}
# Of a random defence.
_DECISIONS = 5


def fill(model: pathlib.Path) -> None:
    """Gives the flags of the defence their values; without a defence they must be left alone."""
    if FLAGS.defense == "none":
        for name in flagfile.OF_A_DEFENCE:
            if FLAGS[name].present and FLAGS[name].value != FLAGS[name].default:
                raise InputError(f"--{name} does nothing with --defense=none; it is of active.")
    else:
        # A checkpoint lies in the folder checkpoints of its run.
        for folder in (model, model.parent, model.parent.parent):
            if (folder / CALIBRATED).exists():
                filling.take(flagfile.read(folder / CALIBRATED))
                break
    FLAGS.defense_loops = FLAGS.defense_loops or (1,)
    filling.fill({**PAPERS, "defense_delta": _PAPERS_DELTA.get(FLAGS.dataset)})
    if FLAGS.defense == "active" and FLAGS.defense_delta is None:
        raise InputError(
            f"--defense_delta is missing, and the paper has none for {FLAGS.dataset}; expected "
            "a number, or what python -m robust_tf.calibrate --model=RUN_DIR finds."
        )


def fill_decisions() -> None:
    """Several decisions are of something random."""
    if len(FLAGS.defense_loops) > 1:
        several = ",".join(map(str, FLAGS.defense_loops))
        raise InputError(f"--defense_loops={several} is for export; expected one number.")
    random = FLAGS.defense == "active" and FLAGS.defense_sigma > 0
    filling.fill({"decisions": _DECISIONS if random else 1})
    if random and FLAGS.submissions and FLAGS.decisions == 1:
        raise InputError("--submissions needs several decisions; expected --decisions=2 or more.")
    if not random and (FLAGS.decisions > 1 or FLAGS.submissions):
        name = "submissions" if FLAGS.submissions else "decisions"
        raise InputError(
            f"--{name} is of a random defence, whose decisions differ; expected --defense=active "
            "and a --defense_sigma above 0."
        )


def in_a_name() -> list[str]:
    """The parts of a result's name that tell one defence from another."""
    if FLAGS.defense == "none":
        return []
    numbers = ("delta", "beta", "sigma", "cap", "attacked_cap")
    given = [(name, FLAGS[f"defense_{name}"].value) for name in numbers]
    given.append(("loops", FLAGS.defense_loops[0]))
    parts = [f"{name}{value:.4g}" for name, value in given if value is not None]
    return ["active", FLAGS.defense_layer, *parts, f"{FLAGS.decisions}decisions"]
