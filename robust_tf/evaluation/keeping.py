"""Images that were made on another network, kept for evaluations that judge the same ones.

A transfer does not ask who judges: behind each setting of a defence it makes the same images.
"""

import hashlib
import json
import pathlib

import numpy as np
import tensorflow as tf

from robust_tf import files


class Kept:
    """The images of one attack, a file a batch.

    Args:
      folder: of all attacks.
      about: all that the images depend on.
    """

    def __init__(self, folder: pathlib.Path, about: dict):
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        self._folder = folder / digest[:16]
        self._images: dict[int, tuple[np.ndarray, ...]] = {}
        for path in sorted(self._folder.glob("[0-9]*.npz")):
            with np.load(path) as file:
                *made, index = (file[name] for name in file)
            self._images.update(zip(index.tolist(), zip(*made, strict=True), strict=True))

    def missing(self, index: tf.Tensor) -> np.ndarray:
        """Which of these indices have no images yet."""
        return np.array([i not in self._images for i in np.asarray(index).tolist()])

    def get(self, index: tf.Tensor) -> tuple[np.ndarray, ...]:
        """The images of these indices, as they were added."""
        rows = [self._images[i] for i in np.asarray(index).tolist()]
        return tuple(np.stack(images) for images in zip(*rows, strict=True))

    def add(self, index: tf.Tensor, made: tuple[np.ndarray, ...]) -> None:
        """Keeps the images of a batch."""
        indices = np.asarray(index)
        # No two files begin with the same image: what is kept is not made again.
        path = self._folder / f"{indices[0]:08d}-{len(indices)}.npz"
        with files.replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, *made, indices)
        self._images.update(zip(indices.tolist(), zip(*made, strict=True), strict=True))
