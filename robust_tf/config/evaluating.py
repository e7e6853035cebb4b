"""What the flags say of an evaluation; what they leave open, the run's own flags say."""

import pathlib
import re

from absl import flags

from robust_tf import attack_names
from robust_tf.config import defense, flagfile
from robust_tf.config.defaults import BY_DATASET
from robust_tf.config.filling import fill
from robust_tf.config.reading import (
    check_radii,
    crop_of_the_dataset,
    fill_crop,
    model_path,
    read_plan,
    results_folder,
)
from robust_tf.errors import InputError, refuse_folder
from robust_tf.plans import Evaluate

FLAGS = flags.FLAGS


def evaluate() -> Evaluate:
    """What the flags say of an evaluation."""
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
    check_radii()
    fill({"eps": BY_DATASET[FLAGS.dataset]["eps"], "batch_size": 100})
    fill_crop()
    output = pathlib.Path(FLAGS.output or results_folder(model) / _result_name())
    refuse_folder("--output", output)
    _refuse_attacks()
    folder = pathlib.Path(FLAGS.save_adversarial) if FLAGS.save_adversarial else None
    keep = pathlib.Path(FLAGS.keep_transfers) if FLAGS.keep_transfers else None
    # What is written is what was judged.
    given = {"quantize": FLAGS.quantize or folder is not None, "save_adversarial": folder}
    given["keep_transfers"] = keep
    return read_plan(Evaluate, model=model, attacks=tuple(FLAGS.attacks), output=output, **given)


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


def _result_name() -> str:
    """Another name for each setting, so that one evaluation does not replace another."""
    parts = [FLAGS.dataset, FLAGS.norm, f"{FLAGS.eps:.4g}", *FLAGS.attacks]
    if FLAGS.targeted != "none":
        parts.append(FLAGS.targeted)
    if FLAGS.crop != crop_of_the_dataset():
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
