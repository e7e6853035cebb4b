"""Images that were made on another network, kept for evaluations that judge the same ones.

A transfer does not ask who judges: behind each setting of a defence it makes the same images.
"""

import pathlib
import zlib

import numpy as np
import tensorflow as tf

from robust_tf import files
from robust_tf.evaluation.state import digest


class Kept:
    """The images of one attack, a file a batch, by the image that each was made of.

    Args:
      folder: of all attacks.
      about: all that the images depend on, but for what they were made of.
    """

    def __init__(self, folder: pathlib.Path, about: dict):
        self._folder = folder / digest(about)
        self._images: dict[int, tuple[np.ndarray, ...]] = {}
        for path in sorted(self._folder.glob("[0-9]*.npz")):
            with np.load(path) as file:
                *made, origin = (file[name] for name in file)
            self._images.update(zip(origin.tolist(), zip(*made, strict=True), strict=True))

    def missing(self, origin: np.ndarray) -> np.ndarray:
        """Which of these origins nothing has been made of yet."""
        return np.array([one not in self._images for one in origin.tolist()])

    def get(self, origin: np.ndarray) -> tuple[np.ndarray, ...]:
        """What was made of these, as it was added."""
        rows = [self._images[one] for one in origin.tolist()]
        return tuple(np.stack(images) for images in zip(*rows, strict=True))

    def add(self, origin: np.ndarray, made: tuple[np.ndarray, ...]) -> None:
        """Keeps what was made of a batch."""
        # No two files begin with the same image: what is kept is not made again.
        path = self._folder / f"{origin[0]:020d}-{len(origin)}.npz"
        with files.replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, *made, origin)
        self._images.update(zip(origin.tolist(), zip(*made, strict=True), strict=True))


def origins(x: tf.Tensor, label: tf.Tensor, index: tf.Tensor) -> np.ndarray:
    """By image: its index, which the draws are of, and a checksum of it and its label.

    Another folder of images has the same indices.
    """
    batch = (np.asarray(part) for part in (x, label, index))
    return np.array(
        [
            int(i) << 32 | zlib.crc32(one.tobytes() + lab.tobytes())
            for one, lab, i in zip(*batch, strict=True)
        ]
    )
