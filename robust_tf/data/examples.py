"""One split of a data set with random access, whatever it is stored in.

examples = sources.load("cifar10", "train", data_dir="data")
image, label, index = examples.image(0), examples.labels[0], examples.indices[0]
train, held_out = holdout(examples, share=0.1, seed=0)
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from robust_tf.data.decode import DecodeError, ImageShape, decoded, to_pixels
from robust_tf.errors import InputError


class CorruptImage(ValueError):
    """An image that cannot be read; the message names its file."""


class RawImages(Protocol):
    """Where the images of a split lie: each as encoded bytes or as a uint8 HWC array."""

    def __getitem__(self, index: int) -> bytes | np.ndarray:
        """The image at this place of the split's official order."""

    def describe(self, index: int) -> str:
        """The image's file, or what else finds it again."""


class ArrayImages:
    """The images of a split in one uint8 NHWC array."""

    def __init__(self, pixels: np.ndarray, file: str):
        self.pixels = pixels
        self._file = file

    def __getitem__(self, index: int) -> np.ndarray:
        return self.pixels[index]

    def describe(self, index: int) -> str:
        return f"image {index} of {self._file}"


class FileImages:
    """The images of a split as one JPEG or PNG file each."""

    def __init__(self, paths: Sequence[str | Path]):
        # An array of bytes: ImageNet's 1.28 million objects would take a gigabyte.
        self._paths = np.array([os.fsencode(path) for path in paths], bytes)

    def __getitem__(self, index: int) -> bytes:
        return Path(self.describe(index)).read_bytes()

    def describe(self, index: int) -> str:
        return os.fsdecode(self._paths[index])


class Examples:
    """One split of a data set, or a part of it, with random access.

    Attributes:
      name: the data set's name.
      split: "train" or "test".
      class_names: a name for each label.
      labels: int64 array.
      indices: int64 array, the position of each image in the split's official order, which stays
        with the image when parts are taken.
      image_shape: height, width and channels of every image.
      crop: what of an image is brought to that shape, one of decode.CROPS.
    """

    def __init__(
        self,
        name: str,
        split: str,
        class_names: Sequence[str],
        images: RawImages,
        labels: np.ndarray,
        image_shape: ImageShape,
        indices: np.ndarray | None = None,
        crop: str = "none",
    ):
        self.name, self.split, self.class_names = name, split, tuple(class_names)
        self.labels = np.asarray(labels, np.int64)
        self.indices = np.arange(len(labels)) if indices is None else indices
        self.image_shape, self.crop = image_shape, crop
        self._images = images

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def ready(self) -> bool:
        """Whether reading an image is no work: nothing to decode or to resize."""
        if self.crop != "none" or not isinstance(self._images, ArrayImages):
            return False
        return self._images.pixels.shape[1:] == self.image_shape

    def image(self, position: int) -> np.ndarray:
        """The image at a position of this part, a uint8 array of image_shape.

        Raises:
          CorruptImage: naming the file, where it cannot be read.
        """
        return self._read(position, lambda raw: to_pixels(raw, self.image_shape, self.crop))

    def decoded(self, position: int) -> np.ndarray:
        """The image at a position of this part in its own size, a uint8 HWC array.

        Raises:
          CorruptImage: naming the file, where it cannot be read.
        """
        return self._read(position, decoded)

    def raw(self, position: int) -> bytes | np.ndarray:
        """The image at a position of this part as it is stored: encoded bytes or uint8 HWC.

        Raises:
          CorruptImage: naming the file, where it cannot be read.
        """
        try:
            return self._images[int(self.indices[position])]
        except OSError as error:
            raise CorruptImage(f"{self.describe(position)}: {error.strerror}") from error

    def describe(self, position: int) -> str:
        """The file, or what else names the image at a position of this part."""
        return self._images.describe(int(self.indices[position]))

    def subset(self, positions: Sequence[int] | np.ndarray) -> "Examples":
        """The examples at these positions of this part, in the order given."""
        chosen = np.asarray(positions, np.int64)
        return Examples(
            self.name,
            self.split,
            self.class_names,
            self._images,
            self.labels[chosen],
            self.image_shape,
            self.indices[chosen],
            self.crop,
        )

    def first(self, count: int) -> "Examples":
        """The first `count` examples, or all where there are fewer."""
        return self.subset(range(min(count, len(self))))

    def _read(
        self, position: int, to_image: Callable[[bytes | np.ndarray], np.ndarray]
    ) -> np.ndarray:
        try:
            return to_image(self.raw(position))
        except DecodeError as error:
            raise CorruptImage(f"{self.describe(position)}: {error}") from error


def holdout(
    examples: Examples, share: float, seed: int, per_class: int | None = None
) -> tuple[Examples, Examples]:
    """Two parts, (the rest, a share drawn by seed), each in the order of the whole.

    Args:
      examples: the whole.
      share: how much is held out, between 0 and 1; at least one example is.
      seed: decides which ones.
      per_class: the rest is the first so many examples of each class, none of them held out.
    """
    if not 0 < share < 1 or len(examples) < 2:
        raise InputError(
            f"a share of {share} cannot be held out of the {len(examples)} examples of "
            f"{examples.name}; expected a share between 0 and 1 of two or more examples."
        )
    if per_class is None:
        kept, held_out = seeded_split(len(examples), share, seed)
        return examples.subset(kept), examples.subset(held_out)
    kept = _first_of_each(examples.labels, per_class)
    others = np.setdiff1d(np.arange(len(examples)), kept)
    wanted = max(round(len(examples) * share), 1)
    if len(others) < wanted + 1:
        raise InputError(
            f"--per_class={per_class} leaves {len(others)} of the {len(examples)} examples of "
            f"{examples.name}, of which {wanted} cannot be held out; expected fewer a class."
        )
    _, drawn = seeded_split(len(others), wanted / len(others), seed)
    return examples.subset(kept), examples.subset(others[drawn])


def _first_of_each(labels: np.ndarray, count: int) -> np.ndarray:
    """The positions, ascending, of the first `count` examples of each label."""
    return np.sort(np.concatenate([np.flatnonzero(labels == k)[:count] for k in set(labels)]))


def seeded_split(count: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """0..count-1 in two parts, (the rest, a share drawn by seed), both ascending and not empty."""
    drawn = min(max(round(count * share), 1), count - 1)
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[drawn:]), np.sort(order[:drawn])
