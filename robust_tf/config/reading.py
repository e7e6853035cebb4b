"""How flags become plans: what all commands share."""

import dataclasses
import pathlib

from absl import flags

from robust_tf.config import flagfile
from robust_tf.config.defaults import BY_DATASET, OTHERWISE
from robust_tf.config.filling import fill, take
from robust_tf.errors import InputError

FLAGS = flags.FLAGS

# What evaluate and export take from the flags of the run that they are pointed at.
_OF_THE_RUN = ("dataset", "data_dir", "image_size", "channels", "crop", "norm", "eval_eps")
_OF_THE_RUN += ("seed",)


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
    exported = model / "assets.extra" / "crop.txt"
    if exported.exists():
        take({"crop": exported.read_text().strip()})
    return model


def crop_of_the_dataset() -> str:
    """How the data set's images are read where nobody says."""
    return BY_DATASET[FLAGS.dataset].get("crop", OTHERWISE["crop"])


def fill_crop() -> None:
    """Where no run says how it reads its images, the data set does."""
    fill({"crop": crop_of_the_dataset()})


def check_radii() -> None:
    """A norm without a radius of its own needs one, and no pixel can move farther than 1."""
    if FLAGS.norm != "Linf" and FLAGS.eps is None:
        raise InputError(f"--norm={FLAGS.norm} has no radius of its own; expected --eps as well.")
    for name in ("eps", "eval_eps"):
        value = FLAGS[name].value
        if FLAGS.norm == "Linf" and value is not None and value > 1:
            raise InputError(
                f"--{name}={value:g} is too large for images in [0, 1]; expected at most 1, and "
                f"{value:g}/255 for so many levels of 8 bits."
            )


def results_folder(model: pathlib.Path) -> pathlib.Path:
    """Where what is found of a model goes: into its run, or beside it."""
    is_run = model.is_dir() and not (model / "saved_model.pb").exists()
    return model / "results" if is_run else model.parent


def _adopt(path: pathlib.Path, *more: str) -> None:
    """Takes from a run's flags what the command line leaves open."""
    saved = flagfile.read(path)
    # A run from before there was --eval_eps was validated at its --eps.
    saved.setdefault("eval_eps", saved["eps"])
    if FLAGS["norm"].present and FLAGS.norm != saved["norm"]:
        # A radius means nothing in another norm.
        del saved["eval_eps"]
    take({name: saved[name] for name in (*_OF_THE_RUN, *more) if name in saved})
