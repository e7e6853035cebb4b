"""What several tests share: a network that is computed by hand, images and seeds for it."""

import keras
import numpy as np
import tensorflow as tf

from robust_tf import draws


def linear_network(
    weights, bias=None, shape: tuple[int, int, int] = (2, 2, 1), dtype: str = "float32"
) -> keras.Model:
    """logits = flattened image @ weights + bias.

    Args:
      weights: (pixels, classes).
      bias: (classes,); 0 unless given.
      shape: the images'.
      dtype: of the computation.
    """
    weights = np.asarray(weights, np.float64)
    classes = weights.shape[1]
    images = keras.Input(shape)
    dense = keras.layers.Dense(classes, name="logits", dtype=dtype)
    logits = dense(keras.layers.Flatten(dtype=dtype)(images))
    dense.set_weights([weights, np.zeros(classes) if bias is None else np.asarray(bias)])
    return keras.Model(images, logits)


def image(*pixels: float) -> np.ndarray:
    """One 2x2 image."""
    return np.array(pixels, np.float32).reshape(1, 2, 2, 1)


def random_images(count: int, seed: int = 0) -> np.ndarray:
    """2x2 images whose pixels lie over the whole range, its ends among them."""
    pixels = np.random.default_rng(seed).uniform(-0.2, 1.2, (count, 2, 2, 1))
    return np.clip(pixels, 0, 1).astype(np.float32)


def seeds(count: int, step: int = 0) -> tf.Tensor:
    """Seeds of images 0, 1, ... at an update."""
    return draws.image_seeds(7, step, tf.range(count))


def softmax(z: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
