"""What the flags say of a training, checked; what nobody set gets the default of its setting."""

import pathlib

from absl import flags

from robust_tf.config import flagfile
from robust_tf.config.defaults import ADAM_LR, BY_DATASET, BY_METHOD, OTHERWISE
from robust_tf.config.definitions.names import DENOISERS
from robust_tf.config.filling import fill
from robust_tf.config.reading import check_radii, read_plan
from robust_tf.errors import InputError
from robust_tf.plans import Optimizer, Train

FLAGS = flags.FLAGS

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
    check_radii()
    _fill()
    _refuse_flags_of_others()
    _refuse_contradictions()
    export_dir = None if FLAGS.export_dir == "none" else pathlib.Path(FLAGS.export_dir)
    given = {"run_dir": pathlib.Path(FLAGS.run_dir), "export_dir": export_dir}
    return read_plan(Train, optimizer=read_plan(Optimizer, lr=_learning_rate()), **given)


def _fill() -> None:
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
