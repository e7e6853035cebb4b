"""A folder of images without classes, as competitions hand them out: NAME.png after NAME.png."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from robust_tf.data.class_folders import is_image
from robust_tf.data.examples import CorruptImage
from robust_tf.errors import InputError


def images_in(folder: Path, flag: str) -> list[Path]:
    """The image files of a folder, in the order of their names.

    Args:
      folder: where they lie; folders in it are left out.
      flag: that named it, for the sentence where there are none.
    """
    if not folder.is_dir():
        raise InputError(f"{flag}={folder} is no folder; expected one of .png or .jpg images.")
    found = [path for path in folder.iterdir() if is_image(path) and path.is_file()]
    if not found:
        raise InputError(f"{flag}={folder} has no images; expected .png or .jpg files in it.")
    return sorted(found, key=lambda path: path.name)


def bare(name: str) -> str:
    """An image's name without its suffix: an attacked image is a PNG, whatever it was made of."""
    return re.sub(r"\.(png|jpe?g)$", "", name, flags=re.IGNORECASE)


def by_bare_name(paths: Iterable[Path]) -> dict[str, Path]:
    """The files of a folder by what they are called without their suffixes."""
    found: dict[str, Path] = {}
    for path in paths:
        other = found.setdefault(bare(path.name), path)
        if other != path:
            raise InputError(
                f"{other} and {path.name} differ in their suffixes alone; expected one of them."
            )
    return found


def levels(path: Path) -> np.ndarray:
    """The pixels of an image in its own size, a uint8 array of three channels.

    They are decoded as evaluation does: of 16 bits the upper 8 count, and transparency is left out.

    Raises:
      CorruptImage: naming the file, where it cannot be read.
    """
    try:
        with tf.device("CPU:0"):
            encoded = tf.constant(path.read_bytes())
            return tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE").numpy()
    except tf.errors.InvalidArgumentError as error:
        raise CorruptImage(f"{path}: no whole JPEG or PNG image") from error
    except OSError as error:
        raise CorruptImage(f"{path}: {error.strerror}") from error


def by_size(paths: Sequence[Path]) -> tuple[dict[tuple[int, int], list[int]], list[str]]:
    """The places of the images of each height and width, and why others cannot be read."""
    places: dict[tuple[int, int], list[int]] = {}
    unread = []
    for place, path in enumerate(paths):
        try:
            places.setdefault(levels(path).shape[:2], []).append(place)
        except CorruptImage as error:
            unread.append(str(error))
    return places, unread
