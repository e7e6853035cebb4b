"""ImageNet's training augmentation, as the public code of Feature Denoising has it.

A random part of the image is resized to the network's size, its brightness, contrast, saturation
and lighting change in random order, and half of the images are mirrored. tensorpack's own classes
keep generators of their own; here all comes from the one generator that is keyed by the image, so
that a run resumes, and is shared by workers, with the same draws.

Each of the four colour changes is affine in RGB, so that they are one matrix and one pass over the
pixels, rounded and clipped once. The public code clips and truncates to whole levels after each of
them: where a change overshoots and a later one comes back, it loses what is kept here.
"""

import itertools
from collections.abc import Sequence

import cv2
import numpy as np

from robust_tf.data.cubic import centre_pixels, cubic
from robust_tf.data.decode import ImageShape, to_channels

_AREAS = (0.08, 1.0)
_ASPECTS = (3 / 4, 4 / 3)
_TRIES = 10
_BRIGHTNESS = _CONTRAST = _SATURATION = (0.6, 1.4)
# The principal components of ImageNet's RGB values in [0, 1], a column each, added in multiples of
# their eigenvalues that are normal draws of this deviation (Krizhevsky et al. 2012).
_LIGHTING = 0.1
_COMPONENTS = np.array(
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
)
_LIGHTS = 255 * _COMPONENTS * [0.2175, 0.0188, 0.0045]
_GREY = np.array([0.299, 0.587, 0.114])


def changed(pixels: np.ndarray, image_shape: ImageShape, rng: np.random.Generator) -> np.ndarray:
    """An image changed at random.

    Args:
      pixels: uint8 HWC in its own size, 1 or 3 channels.
      image_shape: height, width and channels of what is given back, uint8.
      rng: of this image in this epoch.
    """
    image = to_channels(_random_part(pixels, *image_shape[:2], rng), 3)
    image = cv2.transform(image, colours(cv2.mean(image)[:3], rng))
    if rng.random() < 0.5:
        image = cv2.flip(image, 1, image)
    return to_channels(image, image_shape[2])


def random_window(
    height: int, width: int, rng: np.random.Generator
) -> tuple[int, int, int, int] | None:
    """Top, left, height and width of a part with 8 to 100 % of the area; None where none fits."""
    for _ in range(_TRIES):
        area = _between(*_AREAS, rng) * height * width
        aspect = _between(*_ASPECTS, rng)
        part = tuple(max(1, int(side**0.5 + 0.5)) for side in (area * aspect, area / aspect))
        if rng.random() < 0.5:
            part = part[::-1]
        if part[0] <= height and part[1] <= width:
            top, left = height - part[0] + 1, width - part[1] + 1
            return int(rng.random() * top), int(rng.random() * left), *part
    return None


def colours(mean: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """Brightness, contrast, saturation and lighting in random order, as one matrix.

    Args:
      mean: of the image, in levels of R, G and B: contrast is the distance from it.
      rng: of this image in this epoch.

    Returns:
      3 x 4: what R, G, B and 1 become.
    """
    matrix, mean = np.eye(3, 4), np.array([*mean, 1.0])
    for change in _ORDERS[int(rng.random() * len(_ORDERS))]:
        change(matrix, mean, rng)
    return matrix


def _between(low: float, high: float, rng: np.random.Generator) -> float:
    return low + (high - low) * rng.random()  # rng.uniform takes seven times as long


def _random_part(
    pixels: np.ndarray, height: int, width: int, rng: np.random.Generator
) -> np.ndarray:
    window = random_window(*pixels.shape[:2], rng)
    if window is None:
        return centre_pixels(pixels, height, width, edge=max(height, width))
    top, left, rows, columns = window
    return cubic(pixels[top : top + rows, left : left + columns], height, width)


def _brightness(matrix: np.ndarray, mean: np.ndarray, rng: np.random.Generator) -> None:
    del mean
    matrix *= _between(*_BRIGHTNESS, rng)


def _contrast(matrix: np.ndarray, mean: np.ndarray, rng: np.random.Generator) -> None:
    factor = _between(*_CONTRAST, rng)
    middle = matrix.dot(mean)  # of what the changes so far have made of the image
    matrix *= factor
    matrix[:, 3] += (1 - factor) * middle


def _saturation(matrix: np.ndarray, mean: np.ndarray, rng: np.random.Generator) -> None:
    del mean
    factor = _between(*_SATURATION, rng)
    grey = _GREY.dot(matrix)
    matrix *= factor
    matrix += (1 - factor) * grey


def _lighting(matrix: np.ndarray, mean: np.ndarray, rng: np.random.Generator) -> None:
    del mean
    matrix[:, 3] += _LIGHTS.dot(rng.normal(0, _LIGHTING, 3))


_ORDERS = tuple(itertools.permutations((_brightness, _contrast, _saturation, _lighting)))
