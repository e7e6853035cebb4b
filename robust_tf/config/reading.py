"""What the flags say, checked, as plans; flags that nobody set get the default of their setting."""

import dataclasses
import pathlib
import re

from absl import flags

from robust_tf import attack_names
from robust_tf.config import defense, flagfile
from robust_tf.config.defaults import ADAM_LR, BY_DATASET, BY_METHOD, OTHERWISE
from robust_tf.config.definitions import DENOISERS
from robust_tf.config.filling import fill, take
from robust_tf.errors import InputError
from robust_tf.plans import Calibrate, Evaluate, Export, Optimizer, Serve, Train

FLAGS = flags.FLAGS

# What evaluate and export take from the flags of the run that they are pointed at.
_OF_THE_RUN = ("dataset", "data_dir", "image_size", "channels", "crop", "norm", "eval_eps")
_OF_THE_RUN += ("seed",)


# Flags by how they begin, the flag that puts them to use, and its values that do.
_FLAGS_OF = (
    ("trades_", "method", ("trades", "rlfat_t")),
    ("rlfat_", "method", ("rlfat_p", "rlfat_t")),
    ("bat_", "method", ("bat",)),
    ("smoothing_", "method", ("smoothing",)),
    *((f"fpd_{name}", "method", ("fpd",)) for name in ("input", "noise", "alpha", "threshold")),
    ("fpd_phases", "method", ("fpd",)),
    *((f"fpd_{name}", "fpd", ("fd", "fd_r", "full")) for name in ("at", "inner", "bottleneck")),
    ("fpd_clean", "fpd", ("full",)),
    ("denoise_at", "denoise", DENOISERS),
)


def train() -> Train:
    """What the flags say of a training run."""
    others = {
        "evaluate": flagfile.OF_AN_EVALUATION,
        "evaluate and export": flagfile.OF_A_DEFENCE,
        "serve": flagfile.OF_SERVING,
        "predict, perturb and evaluate": flagfile.OF_A_COMPETITION,
    }
    for command, names in others.items():
        for name in names:
            if FLAGS[name].present:
                raise InputError(f"--{name} does nothing in training; it is a flag of {command}.")
    _refuse_default_radius(FLAGS.eps)
    _fill_for_training()
    _refuse_flags_of_others()
    _refuse_contradictions()
    export_dir = None if FLAGS.export_dir == "none" else pathlib.Path(FLAGS.export_dir)
    given = {"run_dir": pathlib.Path(FLAGS.run_dir), "export_dir": export_dir}
    return read_plan(Train, optimizer=read_plan(Optimizer, lr=_learning_rate()), **given)


def evaluate() -> Evaluate:
    """What the flags say of an evaluation; what they leave open, the run's own flags say."""
    for name in FLAGS:
        if name.startswith("attack_") and FLAGS[name].present:
            raise InputError(
                f"--{name} is of the training attack; an evaluation's are set by --attacks, "
                "--step_size, --restarts and --targeted."
            )
    if FLAGS.eval_eps is not None:
        # Beside it, --eps is the training's, as in a flagfile.
        FLAGS.eps = FLAGS.eval_eps
    of_others = tuple(name for name in flagfile.OF_A_COMPETITION if name != "protocol")
    defense.refuse(of_others, "in evaluate without --protocol=caad")
    model = model_path("smoothing_layer")
    defense.fill(model)
    defense.fill_decisions()
    # The radius that a run was validated at is the one to evaluate it at.
    fill({"eps": FLAGS.eval_eps})
    _refuse_default_radius(FLAGS.eps)
    fill({"eps": BY_DATASET[FLAGS.dataset]["eps"], "batch_size": 100})
    fill_crop()
    output = pathlib.Path(FLAGS.output or results_folder(model) / _result_name())
    _refuse_attacks()
    folder = pathlib.Path(FLAGS.save_adversarial) if FLAGS.save_adversarial else None
    keep = pathlib.Path(FLAGS.keep_transfers) if FLAGS.keep_transfers else None
    # What is written is what was judged.
    given = {"quantize": FLAGS.quantize or folder is not None, "save_adversarial": folder}
    given["keep_transfers"] = keep
    return read_plan(Evaluate, model=model, attacks=tuple(FLAGS.attacks), output=output, **given)


def export() -> Export:
    """What the flags say of an export."""
    model = model_path("smoothing_layer")
    attacked = ("defense_attacked_cap", "defense_attacked_beta")
    of_evaluate = (*attacked, "decisions", "submissions", "keep_transfers")
    defense.refuse(of_evaluate, "in an export; it is a flag of evaluate")
    defense.fill(model)
    fill_crop()
    beside = (model if model.is_dir() else model.parent) / "export"
    given = FLAGS.export_dir not in (None, "none")
    export_dir = pathlib.Path(FLAGS.export_dir) if given else beside
    return read_plan(Export, model=model, export_dir=export_dir)


def calibrate() -> Calibrate:
    """What the flags say of a calibration."""
    model = model_path("per_class", "holdout", "smoothing_layer")
    mine = ("defense_layer", "defense_sigma")
    others = tuple(name for name in flagfile.OF_A_DEFENCE if name not in mine)
    defense.refuse(others, "in a calibration; it is a flag of evaluate and export")
    defense.fill_layer()
    fill(BY_DATASET[FLAGS.dataset])
    fill_crop()
    output = pathlib.Path(FLAGS.output) if FLAGS.output else defense.calibrated_file(model)
    return read_plan(Calibrate, model=model, output=output)


def serve() -> Serve:
    """What the flags say of a server."""
    if FLAGS.model_dir is None:
        raise InputError(
            "--model_dir is missing; expected a folder of numbered versions, or a SavedModel."
        )
    model_dir = pathlib.Path(FLAGS.model_dir)
    if not model_dir.is_dir():
        raise InputError(
            f"--model_dir={model_dir} is no folder; expected one of numbered versions, or a "
            "SavedModel."
        )
    return read_plan(Serve, model_dir=model_dir, name=FLAGS.name or "")


def _fill_for_training() -> None:
    """The more particular comes first: the method, then the data set, then what is left."""
    fill(BY_METHOD.get(FLAGS.method, {}))
    if FLAGS.fpd not in (None, "none"):
        # Paper 2: "replacing all the activation functions from ReLU to ELU", "fs = Tanh(x)".
        fill({"activation": "elu", "head": "tanh"})
    defaults = OTHERWISE | BY_DATASET[FLAGS.dataset]
    fill({"optimizer": defaults["optimizer"]})
    if FLAGS.lr_per_256 is None:
        fill({"lr": ADAM_LR if FLAGS.optimizer == "adam" else defaults["lr"]})
    fill({name: value for name, value in defaults.items() if name != "lr"})
    if FLAGS.method == "bat" and FLAGS.attack_step_rule == "quarter":
        # "we use one-step PGD", of step size epsilon; "two of 8 in 16" for ImageNet.
        fill({"attack_step_size": FLAGS.eps / max(1, FLAGS.attack_steps)})
    fill({"eval_eps": FLAGS.eps, "attack_precision": FLAGS.precision})
    if FLAGS.method == "fpd":
        fill({"fpd_noise": FLAGS.eps})
    # Under PGD all networks of a clean training are at 0, but for the first ones.
    noise = FLAGS.method == "fpd" and FLAGS.fpd_input == "noise"
    clean = noise or FLAGS.method in ("standard", "smoothing")
    fill({"val_attack": "clean" if clean else "pgd-10"})
    fill({"run_dir": f"runs/{FLAGS.dataset}-{FLAGS.network}-{FLAGS.method}"})


def _crop_of_the_dataset() -> str:
    return BY_DATASET[FLAGS.dataset].get("crop", OTHERWISE["crop"])


def fill_crop() -> None:
    """Where no run says how it reads its images, the data set does."""
    fill({"crop": _crop_of_the_dataset()})


def _refuse_contradictions() -> None:
    if FLAGS.lr_per_256 is not None and FLAGS.lr is not None:
        raise InputError(
            f"--lr={FLAGS.lr:g} and --lr_per_256={FLAGS.lr_per_256:g} are both given; expected one "
            "of them."
        )
    if FLAGS.dry_run_replicas is not None and not FLAGS.dry_run:
        raise InputError("--dry_run_replicas does nothing without --dry_run; expected both.")
    if FLAGS.sync_bn and FLAGS.accumulate > 1:
        raise InputError(
            f"--accumulate={FLAGS.accumulate} cannot be used with --sync_bn: the statistics of a "
            "whole batch cannot be had from its parts; leave one of the two out."
        )
    if FLAGS.schedule == "piecewise" and not FLAGS.lr_drops:
        raise InputError("--schedule=piecewise needs --lr_drops; expected epochs, as in 100,150.")
    if FLAGS.method == "fpd" and FLAGS.norm != "Linf" and not FLAGS["fpd_noise"].present:
        raise InputError(
            f"--method=fpd with --norm={FLAGS.norm} needs --fpd_noise, the largest noise of a "
            "pixel; expected a number such as 8/255."
        )
    if FLAGS.method == "fpd" and FLAGS.fpd not in ("fd_r", "full"):
        raise InputError(
            f"--method=fpd trains a network that restores images, but --fpd={FLAGS.fpd}; "
            "expected --fpd=full or fd_r."
        )


def _refuse_flags_of_others() -> None:
    """A flag that would do nothing is a mistake, unless it is at its default, as in a flags.cfg."""
    for name in FLAGS:
        for prefix, flag, users in _FLAGS_OF:
            if not name.startswith(prefix) or FLAGS[flag].value in users:
                continue
            if FLAGS[name].value != FLAGS[name].default:
                raise InputError(
                    f"--{name} does nothing with --{flag}={FLAGS[flag].value}; it is of "
                    f"{', '.join(users)}."
                )


def _learning_rate() -> float:
    """That of the batch: it stays open in the flags, for another batch has another."""
    return FLAGS.lr if FLAGS.lr_per_256 is None else FLAGS.lr_per_256 * FLAGS.batch_size / 256


def _refuse_default_radius(eps: float | None) -> None:
    if FLAGS.norm != "Linf" and eps is None:
        raise InputError(f"--norm={FLAGS.norm} has no radius of its own; expected --eps as well.")


def _refuse_attacks() -> None:
    """Attacks that cannot stand beside each other or beside other flags."""
    said = [attack_names.parse(name) for name in FLAGS.attacks]
    rows = attack_names.rows(FLAGS.attacks)
    twice = sorted({row for row in rows if rows.count(row) > 1})
    if twice:
        raise InputError(f"--attacks names {twice[0]} twice; expected each attack once.")
    aimless = [name.text for name in said if not attack_names.can_aim(name)]
    if FLAGS.targeted != "none" and aimless:
        raise InputError(
            f"--targeted={FLAGS.targeted} means nothing to {', '.join(aimless)}; expected PGD in "
            "its forms: fgsm, pgd-K, cw-K, mifgsm-K."
        )
    sweeps = [name.text for name in said if len(name.steps) > 1]
    if sweeps and FLAGS.restarts > 1:
        raise InputError(
            f"--attacks={sweeps[0]} is one run that is judged after several numbers of steps; "
            f"expected --restarts=1, got {FLAGS.restarts}."
        )


def results_folder(model: pathlib.Path) -> pathlib.Path:
    """Where what is found of a model goes: into its run, or beside it."""
    is_run = model.is_dir() and not (model / "saved_model.pb").exists()
    return model / "results" if is_run else model.parent


def _result_name() -> str:
    """Another name for each setting, so that one evaluation does not replace another."""
    parts = [FLAGS.dataset, FLAGS.norm, f"{FLAGS.eps:.4g}", *FLAGS.attacks]
    if FLAGS.targeted != "none":
        parts.append(FLAGS.targeted)
    if FLAGS.crop != _crop_of_the_dataset():
        parts.append(f"crop-{FLAGS.crop}")
    if FLAGS.attacked_output != "auto":
        parts.append(FLAGS.attacked_output)
    if FLAGS.step_size is not None:
        parts.append(f"step{FLAGS.step_size:.4g}")
    if FLAGS.step_rule != "quarter":
        parts.append(FLAGS.step_rule)
    if FLAGS.start is not None:
        parts.append(FLAGS.start)
    for name in ("kappa", "shift_weight", "queries"):
        if FLAGS[name].value != FLAGS[name].default:
            parts.append(f"{name}{FLAGS[name].value:.4g}")
    if FLAGS.quantize or FLAGS.save_adversarial:
        parts.append("quantized")
    if FLAGS.restarts > 1:
        parts.append(f"{FLAGS.restarts}restarts")
    parts += defense.in_a_name()
    if FLAGS.examples is not None:
        parts.append(f"first{FLAGS.examples}")
    # Of a transfer or a sweep, what a file name cannot hold.
    return re.sub(r"[/:@+]+", "_", "-".join(parts)) + ".json"


def read_plan(plan: type, **given):
    """A plan whose fields are the values of the flags of their names, but for those given."""

    def value(field):
        if dataclasses.is_dataclass(field.type):
            return read_plan(field.type)
        return FLAGS[field.name].value

    rest = [field for field in dataclasses.fields(plan) if field.name not in given]
    return plan(**{field.name: value(field) for field in rest}, **given)


def model_path(*more: str) -> pathlib.Path:
    """The model's path; what the command line leaves open is what its run was made with.

    Args:
      *more: names of flags of the run beside the usual ones.
    """
    if FLAGS.model is None:
        raise InputError(
            "--model is missing; expected a run directory, a .keras file or a SavedModel."
        )
    model = pathlib.Path(FLAGS.model)
    if not model.exists():
        raise InputError(
            f"--model={model} does not exist; expected a run directory, .keras file or SavedModel."
        )
    # A checkpoint lies in the folder checkpoints of its run.
    for run_dir in (model, model.parent.parent):
        if (run_dir / "flags.cfg").exists():
            _adopt(run_dir / "flags.cfg", *more)
            break
    return model


def _adopt(path: pathlib.Path, *more: str) -> None:
    """Takes from a run's flags what the command line leaves open."""
    saved = flagfile.read(path)
    # A run from before there was --eval_eps was validated at its --eps.
    saved.setdefault("eval_eps", saved["eps"])
    if FLAGS["norm"].present and FLAGS.norm != saved["norm"]:
        # A radius means nothing in another norm.
        del saved["eval_eps"]
    take({name: saved[name] for name in (*_OF_THE_RUN, *more) if name in saved})
