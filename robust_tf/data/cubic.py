"""ImageNet's ways to an image of 224 pixels, by OpenCV's cubic interpolation: centre and whole.

Evaluation brings the shortest edge to 256 and takes the centre, competitions squeeze the whole
image, both as the public code of Feature Denoising does (ResizeShortestEdge and CenterCrop, cv2).
OpenCV's cubic has the free parameter -0.75 and no antialiasing; tf.image's has -0.5, which moves
edges by up to 20 levels, so that the interpolation is written out here. `centre` and `whole` are
TensorFlow's, for evaluation and exports, `centre_pixels` and `cubic` OpenCV's own.
"""

import cv2
import numpy as np
import tensorflow as tf

_A = -0.75
_EDGE, _CROP = 256, 224


def edge_for(height: int, width: int) -> int:
    """The shortest edge that a crop of this size is taken from: 256 for 224."""
    return int(max(height, width) * _EDGE / _CROP + 0.5)


def centre(images: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """The centre of images whose shortest edge is first brought to its size.

    Args:
      images: float32 HWC or NHWC in [0, 1], of any size; what overshoots is clipped.
      height: of the crop.
      width: of the crop.
    """
    sides = tf.cast(tf.shape(images)[-3:-1], tf.float64)
    scale = edge_for(height, width) / tf.reduce_min(sides)
    # Only the pixels of the crop are ever made, however long the image's other side is.
    for axis, side, wanted in ((-3, sides[0], height), (-2, sides[1], width)):
        resized = tf.floor(scale * side + 0.5)
        first = tf.floor((resized - wanted) * 0.5)
        images = _along(images, axis, resized, first + tf.range(wanted, dtype=tf.float64))
    return tf.clip_by_value(images, 0.0, 1.0)


def whole(images: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """The whole of images, float32 HWC or NHWC in [0, 1], in another size; as `centre` clips."""
    for axis, wanted in ((-3, height), (-2, width)):
        places = tf.range(wanted, dtype=tf.float64)
        images = _along(images, axis, tf.constant(wanted, tf.float64), places)
    return tf.clip_by_value(images, 0.0, 1.0)


def centre_pixels(
    pixels: np.ndarray, height: int, width: int, edge: int | None = None
) -> np.ndarray:
    """The same of a uint8 HWC array; `edge` is another shortest edge than edge_for's."""
    edge = edge or edge_for(height, width)
    scale = edge / min(pixels.shape[:2])
    resized = cubic(pixels, *(int(scale * side + 0.5) for side in pixels.shape[:2]))
    top, left = (resized.shape[0] - height) // 2, (resized.shape[1] - width) // 2
    return resized[top : top + height, left : left + width]


def cubic(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """A uint8 HWC array in another size."""
    resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC)
    return resized.reshape(height, width, pixels.shape[2])  # OpenCV drops a single channel


def _along(images: tf.Tensor, axis: int, resized: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """These places of a side that is resized."""
    side = tf.cast(tf.shape(images)[axis], tf.float64)
    places, weights = _taps(side, resized, wanted)
    weights = tf.reshape(weights, (4, wanted.shape[0]) + (1,) * (-1 - axis))
    return tf.add_n([tf.gather(images, places[k], axis=axis) * weights[k] for k in range(4)])


def _taps(side: tf.Tensor, resized: tf.Tensor, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Which four pixels each place of a resized side is made of, and their weights: (4, places)."""
    at = (places + 0.5) * (side / resized) - 0.5
    left = tf.floor(at)
    t = tf.cast(at - left, tf.float32)
    outer, inner = _outer(t + 1), _inner(t)
    mirrored = _inner(1 - t)
    weights = tf.stack([outer, inner, mirrored, 1 - outer - inner - mirrored])
    four = left + tf.constant([[-1.0], [0.0], [1.0], [2.0]], tf.float64)
    # Beyond the border lies what lies at it.
    return tf.cast(tf.clip_by_value(four, 0.0, side - 1), tf.int32), weights


def _inner(t: tf.Tensor) -> tf.Tensor:
    """Keys' kernel at distances of up to 1."""
    return ((_A + 2) * t - (_A + 3)) * t * t + 1


def _outer(t: tf.Tensor) -> tf.Tensor:
    """Keys' kernel at distances from 1 to 2."""
    return ((_A * t - 5 * _A) * t + 8 * _A) * t - 4 * _A
