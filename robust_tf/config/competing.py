"""What the flags say of the competition: predict, perturb, and evaluate --protocol=caad."""

import pathlib
import re

from absl import flags

from robust_tf.config import defense, flagfile
from robust_tf.config.filling import fill
from robust_tf.config.reading import fill_crop, model_path, read_plan, results_folder
from robust_tf.errors import InputError, refuse_folder
from robust_tf.plans import Compete, Perturb, Predict

FLAGS = flags.FLAGS

# In the folder of a targeted attack's images, by the competition's rules.
_TARGETS = "target_class.csv"
# NIPS 2017 allowed 4, 8, 12 or 16; CAAD 2018: "setting the attack epsilon to 32" (paper 1).
_ATTACKS_WITHIN, _CAAD_WITHIN = 16, 32
_OF_A_MODEL = ("model", "signature", "input_name", "output_name")


def protocol() -> str:
    """Which of its protocols evaluate follows."""
    return FLAGS.protocol


def predict() -> Predict:
    """What the flags say of a folder's labels."""
    _refuse_others("predict", "input_dir", "output_file", "label_offset")
    model = _model("smoothing_layer")
    defense.fill_single(model)
    fill({"batch_size": 32})
    output = pathlib.Path(_needed("output_file", "the file that is to be written"))
    refuse_folder("--output_file", output)
    return read_plan(Predict, model=model, input_dir=_images(), output_file=output)


def perturb() -> Perturb:
    """What the flags say of an attack on a folder."""
    mine = ("output_dir", "max_epsilon", "attack", "targets", "labels", "label_offset")
    _refuse_others("perturb", "input_dir", *mine)
    defense.refuse(flagfile.OF_A_DEFENCE, "in perturb, which attacks the model alone")
    model, input_dir = _model(), _images()
    fill({"max_epsilon": _ATTACKS_WITHIN, "attack": "pgd-20", "batch_size": 16})
    beside = input_dir / _TARGETS
    fill({"targets": str(beside) if beside.exists() else "none"})
    targets = None if FLAGS.targets == "none" else pathlib.Path(FLAGS.targets)
    labels = None if FLAGS.labels is None else pathlib.Path(FLAGS.labels)
    if targets and labels:
        raise InputError(
            f"--labels={labels} does nothing where {targets} names the classes to lead to; "
            "expected --targets=none, or no --labels."
        )
    output_dir = pathlib.Path(_needed("output_dir", "the folder to write images to"))
    if output_dir.resolve() == input_dir.resolve():
        raise InputError(f"--output_dir={output_dir} is --input_dir; expected another folder.")
    return read_plan(
        Perturb,
        model=model,
        input_dir=input_dir,
        output_dir=output_dir,
        targets=targets,
        labels=labels,
    )


def compete() -> Compete:
    """What the flags say of an evaluation by the competition's protocol."""
    mine = ("attacked_dirs", "labels", "label_offset", "max_epsilon")
    _refuse_others("evaluate --protocol=caad", "protocol", *mine)
    others = set(flagfile.OF_AN_EVALUATION) - {*_OF_A_MODEL, "output"}
    defense.refuse(tuple(sorted(others)), "with --protocol=caad; it is of --protocol=attacks")
    model = _model("smoothing_layer")
    defense.fill_single(model)
    fill({"batch_size": 32, "max_epsilon": _CAAD_WITHIN})
    labels = pathlib.Path(_needed("labels", "the file of the images' classes"))
    dirs = tuple(pathlib.Path(name) for name in FLAGS.attacked_dirs or ())
    if not dirs:
        raise InputError("--attacked_dirs is missing; expected folders, as in DIR1,DIR2.")
    places = [path.resolve() for path in dirs]
    twice = next((path for path in dirs if places.count(path.resolve()) > 1), None)
    if twice:
        raise InputError(f"--attacked_dirs names {twice} twice; expected each folder once.")
    output = pathlib.Path(FLAGS.output or results_folder(model) / _result_name(dirs))
    refuse_folder("--output", output)
    return read_plan(Compete, model=model, attacked_dirs=dirs, labels=labels, output=output)


def _model(*more: str) -> pathlib.Path:
    """The model's path, and how a folder's images are brought to its size.

    An attack on the centre would leave the border as it was, which other models look at. Paper 1's
    code, too, squeezes the whole of a competition's images, and crops those of ImageNet's test.
    """
    said = FLAGS["crop"].present
    model = model_path(*more)
    fill_crop()
    if FLAGS.crop == "center" and not said:
        FLAGS.crop = "whole"
    return model


def _result_name(dirs: tuple[pathlib.Path, ...]) -> str:
    """Another name for other attackers, or behind another defence."""
    attackers = "-".join(path.resolve().name for path in dirs)
    if len(attackers) > 100:
        attackers = f"{len(dirs)}attackers"
    parts = ["caad", attackers, *defense.in_a_name()]
    return re.sub(r"[^\w.-]+", "_", "-".join(parts)) + ".json"


def _images() -> pathlib.Path:
    return pathlib.Path(_needed("input_dir", "a folder of .png or .jpg images"))


def _needed(name: str, expected: str) -> str:
    if FLAGS[name].value is None:
        raise InputError(f"--{name} is missing; expected {expected}.")
    return FLAGS[name].value


def _refuse_others(command: str, *mine: str) -> None:
    others = tuple(name for name in flagfile.OF_A_COMPETITION if name not in mine)
    defense.refuse(others, f"in {command}")
