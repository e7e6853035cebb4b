"""The images that a plan names, and the names of their classes."""

import pathlib
import zlib

import numpy as np
import tensorflow as tf

from robust_tf import plans
from robust_tf.data import sources
from robust_tf.data.examples import Examples
from robust_tf.data.pipeline import evaluation_dataset
from robust_tf.errors import InputError

# In a run directory, so that an export needs no data.
CLASS_NAMES = "class_names.txt"
# Beside them where the network was not trained here: where it comes from.
SOURCE = "source.txt"


def load(plan: plans.Data, split: str) -> Examples:
    """A split of the plan's data set."""
    # Without --seed: where a set has no official split, a test image of one run is one of all.
    return sources.load(
        plan.dataset,
        split,
        data_dir=plan.data_dir,
        image_size=plan.image_size,
        channels=plan.channels,
        examples=plan.examples if split == "test" else None,
        crop=plan.crop,
    )


def checksum(examples: Examples) -> int:
    """Of the images that are here and their labels, not of their pixels; never 0."""
    arrays = (np.ascontiguousarray(a, np.int64) for a in (examples.indices, examples.labels))
    return 1 + zlib.crc32(b"".join(a.tobytes() for a in arrays))


def spread(examples: Examples, count: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Images, labels and indices from all over a set, which may lie there class by class."""
    places = np.unique(np.linspace(0, len(examples) - 1, count).astype(int))
    return next(iter(evaluation_dataset(examples.subset(places), count)))


def keep_class_names(run_dir: pathlib.Path, names: tuple[str, ...]) -> None:
    """Writes them into a run directory."""
    (run_dir / CLASS_NAMES).write_text("\n".join(names) + "\n")


def class_names(model: pathlib.Path) -> list[str] | None:
    """Those of a run directory; None where there are none, as beside a .keras file."""
    path = model / CLASS_NAMES
    return path.read_text().splitlines() if path.exists() else None


def model_path(name: str, flag: str) -> pathlib.Path:
    """A model's path, which must be there."""
    path = pathlib.Path(name)
    if not path.exists():
        raise InputError(f"{flag} names {path}, which does not exist; expected a run directory.")
    return path
