"""Every data set behind one name.

    train = load("cifar10", "train", data_dir="data")
    test = load("folder", "test", data_dir="my_images", image_size=64, examples=1000)

To add one, write a loader (a function from a Request to what it Loaded) and a row of SOURCES.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from robust_tf.data import class_folders, imagenet, in_memory, lmdb_sets
from robust_tf.data.decode import CROPS
from robust_tf.data.examples import Examples
from robust_tf.data.request import Loaded, Request
from robust_tf.errors import InputError, unknown


class Source(NamedTuple):
    """How a data set is loaded, and the size and channels it has if none are asked for."""

    loader: Callable[[Request], Loaded]
    image_size: int
    channels: int


SOURCES = {
    "digits": Source(in_memory.load_digits, 8, 1),
    "mnist": Source(in_memory.load_mnist, 28, 1),
    "fashion_mnist": Source(in_memory.load_fashion_mnist, 28, 1),
    "cifar10": Source(in_memory.load_cifar10, 32, 3),
    "cifar100": Source(in_memory.load_cifar100, 32, 3),
    "svhn": Source(in_memory.load_svhn, 32, 3),
    "stl10": Source(in_memory.load_stl10, 96, 3),
    "caltech101": Source(class_folders.load_caltech, 224, 3),
    "caltech256": Source(class_folders.load_caltech, 224, 3),
    "imagenet": Source(imagenet.load_imagenet, 224, 3),
    "nips2017": Source(imagenet.load_nips2017, 224, 3),
    "folder": Source(class_folders.load_folder, 224, 3),
    "lmdb": Source(lmdb_sets.load_lmdb, 224, 3),
    "fake": Source(in_memory.load_fake, 32, 3),
}


def load(
    name: str,
    split: str,
    *,
    data_dir: str | Path | None = None,
    image_size: int | None = None,
    channels: int | None = None,
    seed: int = 0,
    examples: int | None = None,
    crop: str = "none",
) -> Examples:
    """One split of a data set.

    Args:
      name: one of SOURCES.
      split: "train" or "test".
      data_dir: where its official files are, or a folder of the set's name that holds them.
      image_size: height and width that the images are resized to, instead of the set's own.
      channels: 3 repeats grey three times, 1 takes the luminance of colour; the set's own if None.
      seed: of the split where there is no official one, and of the fake images.
      examples: only the first so many of the split, in its official order.
      crop: what of an image is brought to that size: "none" is all of it, "center" ImageNet's way.

    Raises:
      InputError: naming the flag or the file that cannot be used.
    """
    if name not in SOURCES:
        raise unknown("--dataset", name, SOURCES)
    _check_options(split, image_size, channels, examples)
    if crop not in CROPS:
        raise unknown("--crop", crop, CROPS)
    if data_dir is not None and not Path(data_dir).is_dir():
        raise InputError(f"--data_dir={data_dir} is no folder; expected the folder of {name}.")
    source = SOURCES[name]
    size, depth = image_size or source.image_size, channels or source.channels
    shape = (size, size, depth)
    folder = None if data_dir is None else Path(data_dir)
    images, labels, class_names = source.loader(Request(name, split, folder, seed, shape))
    loaded = Examples(name, split, class_names, images, labels, shape, crop=crop)
    _check_labels(loaded)
    return loaded if examples is None else loaded.first(examples)


def _check_options(
    split: str, image_size: int | None, channels: int | None, examples: int | None
) -> None:
    if split not in ("train", "test"):
        raise unknown("split", split, ("train", "test"))
    if image_size is not None and image_size < 1:
        raise InputError(f"--image_size={image_size} is too small; expected 1 or more pixels.")
    if channels not in (None, 1, 3):
        raise InputError(f"--channels={channels} cannot be had; expected 1 or 3.")
    if examples is not None and examples < 1:
        raise InputError(f"--examples={examples} is too few; expected 1 or more.")


def _check_labels(examples: Examples) -> None:
    if not len(examples):
        raise InputError(
            f"--dataset={examples.name} ({examples.split}) has no images; expected some."
        )
    classes = len(examples.class_names)
    wrong = np.flatnonzero((examples.labels < 0) | (examples.labels >= classes))
    if len(wrong):
        raise InputError(
            f"{examples.describe(wrong[0])} has the label {examples.labels[wrong[0]]}; expected 0 "
            f"to {classes - 1} ({len(wrong)} of {len(examples)} labels are out of range)."
        )
