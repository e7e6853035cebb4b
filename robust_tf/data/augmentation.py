"""Random changes to training images: one table of what each data set gets.

augment = augmentation("auto", "cifar10")
image = augment(examples, position, np.random.default_rng([seed, epoch, index]))
"""

from collections.abc import Callable

import numpy as np

from robust_tf.data import imagenet_augmentation
from robust_tf.data.examples import Examples
from robust_tf.errors import unknown

# An augmentation reads an image of some examples itself, whole or in the shape wanted, and gives it
# changed in that shape.
Augment = Callable[[Examples, int, np.random.Generator], np.ndarray]

_PADDING = 4

# What --augment=auto means, set by set.
OF_DATASET = {
    "digits": "none",  # 8 pixels leave no room, and a mirrored 2 is no digit
    "mnist": "none",  # as Madry et al. train it
    "fashion_mnist": "none",  # treated as MNIST, which it stands in for
    "cifar10": "crop_flip",  # pad 4, as TRADES and the other WRN recipes (RLFAT only flips)
    "cifar100": "crop_flip",  # as cifar10
    "svhn": "crop_flip",  # as the other 32-pixel sets; --augment=crop keeps digits unmirrored
    "stl10": "flip",  # as RLFAT's public code, its only augmentation
    "caltech101": "flip",  # objects have no handedness; no paper gives more
    "caltech256": "flip",  # as caltech101
    "imagenet": "imagenet",  # as Feature Denoising and most other recipes of ImageNet
    "nips2017": "imagenet",  # as imagenet, whose classes it has
    "folder": "flip",  # as caltech101; --augment=none for letters, digits and the like
    "lmdb": "flip",  # as folder
    "fake": "none",  # random pixels have nothing to keep
}


def augmentation(name: str, dataset: str) -> Augment | None:
    """The augmentation of that name, or None where images stay as they are.

    Args:
      name: none, flip, crop, crop_flip, imagenet, or auto for what the table says.
      dataset: the data set's name, for auto.
    """
    if name == "auto":
        name = OF_DATASET[dataset]
    if name not in _AUGMENTATIONS:
        raise unknown("--augment", name, ("auto", *_AUGMENTATIONS))
    return _AUGMENTATIONS[name]


def _flip(examples: Examples, position: int, rng: np.random.Generator) -> np.ndarray:
    return _flipped(examples.image(position), rng)


def _crop(examples: Examples, position: int, rng: np.random.Generator) -> np.ndarray:
    return _cropped(examples.image(position), rng)


def _crop_flip(examples: Examples, position: int, rng: np.random.Generator) -> np.ndarray:
    return _flipped(_cropped(examples.image(position), rng), rng)


def _imagenet(examples: Examples, position: int, rng: np.random.Generator) -> np.ndarray:
    return imagenet_augmentation.changed(examples.decoded(position), examples.image_shape, rng)


def _flipped(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return image[:, ::-1] if rng.integers(2) else image


def _cropped(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A crop of the image's own size out of the image with black around it."""
    height, width, channels = image.shape
    # np.pad is several times as slow.
    padded = np.zeros((height + 2 * _PADDING, width + 2 * _PADDING, channels), image.dtype)
    padded[_PADDING:-_PADDING, _PADDING:-_PADDING] = image
    top, left = rng.integers(2 * _PADDING + 1, size=2)
    return padded[top : top + height, left : left + width]


_AUGMENTATIONS: dict[str, Augment | None] = {
    "none": None,
    "flip": _flip,
    "crop": _crop,
    "crop_flip": _crop_flip,
    "imagenet": _imagenet,
}
