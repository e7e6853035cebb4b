"""What the flags say of what becomes of a network: it is calibrated, exported and served."""

import pathlib

from absl import flags

from robust_tf.config import defense, flagfile
from robust_tf.config.defaults import BY_DATASET
from robust_tf.config.filling import fill
from robust_tf.config.reading import fill_crop, model_path, read_plan
from robust_tf.errors import InputError
from robust_tf.plans import Calibrate, Export, Serve

FLAGS = flags.FLAGS


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
