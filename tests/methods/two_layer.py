"""What tests of methods share: networks in float64 of one or two layers, and NumPy's gradients."""

import functools

import keras
import numpy as np
import tensorflow as tf

from robust_tf import draws, optim
from robust_tf.attacks import PGD
from robust_tf.attacks.aims import CLEAN_PREDICTION
from robust_tf.losses import kl_divergence
from robust_tf.methods import Method
from robust_tf.threat import Threat
from tests.linear import random_images, softmax

X = random_images(8)
LABEL = np.array([0, 1, 2, 0, 1, 2, 2, 1])
BATCH = (tf.constant(X), tf.constant(LABEL), tf.range(8))
SEEDS = draws.image_seeds(0, 0, BATCH[2])

Layers = list[tuple[np.ndarray, np.ndarray]]
LINEAR: Layers = [
    (
        np.array([[1, -1, 0.5], [0.5, 2, -1], [-2, 0.25, 1], [1.5, 0.5, -0.75]]),
        np.array([0.25, -0.5, 0.125]),
    )
]
TWO_LAYERS: Layers = [
    (np.array([[1, -1], [0.5, 2], [-1.5, 0.25], [1.25, 0.5]]), np.array([0.5, -0.25])),
    (np.array([[1, -2, 0.5], [-0.75, 1.5, 2]]), np.array([0.0, 0.25, -0.5])),
]
NETWORKS = {"linear": LINEAR, "two layers": TWO_LAYERS}


def kl_attack(steps: int = 3, epsilon: float = 0.2) -> PGD:
    """The one of TRADES."""
    options = dict(loss=kl_divergence, aim=CLEAN_PREDICTION, start="gaussian")
    return PGD(Threat("Linf", epsilon), steps=steps, **options)


@functools.cache
def trained(kind: type[Method], updates: int = 2, **options) -> list[np.ndarray]:
    """The weights of the network of two layers after some updates by a method."""
    method = kind(network(TWO_LAYERS), **options)
    method.compile(optim.SGD(0.5))
    step = tf.function(method.train_step, autograph=False)
    for _ in range(updates):
        step(BATCH)
    return method.network.get_weights()


def moved(method: Method, graph: bool) -> tuple[dict[str, float], list[np.ndarray]]:
    """What one update reports, and what it subtracts from each weight at a learning rate of 1."""
    method.compile(optim.SGD(1.0))
    before = method.network.get_weights()
    step = tf.function(method.train_step, autograph=False) if graph else method.train_step
    results = {name: float(value) for name, value in step(BATCH).items()}
    after = method.network.get_weights()
    return results, [was - now for was, now in zip(before, after, strict=True)]


def normalized_pixels(momentum: float) -> tuple[keras.Model, keras.layers.BatchNormalization]:
    """A linear network behind a batch norm that has each pixel's own statistics."""
    norm = keras.layers.BatchNormalization(momentum=momentum, epsilon=1e-3, dtype="float64")
    images = keras.Input((2, 2, 1))
    x = norm(keras.layers.Flatten(dtype="float64")(images))
    made = keras.Model(images, keras.layers.Dense(3, dtype="float64")(x))
    made.layers[-1].set_weights(LINEAR[0])
    return made, norm


def statistics_after(momentum: float, *batches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The moving mean and variance of each pixel after forward passes with these images."""
    mean, variance = np.zeros(4), np.ones(4)
    for x in batches:
        pixels = np.reshape(x, (-1, 4)).astype(np.float64)
        mean = momentum * mean + (1 - momentum) * pixels.mean(axis=0)
        variance = momentum * variance + (1 - momentum) * pixels.var(axis=0)
    return mean, variance


def network(layers: Layers) -> keras.Model:
    """2x2 images through dense layers with tanh between them."""
    images = keras.Input((2, 2, 1))
    x = keras.layers.Flatten(dtype="float64")(images)
    for i, (weights, _) in enumerate(layers):
        x = keras.layers.Activation("tanh", dtype="float64")(x) if i else x
        x = keras.layers.Dense(weights.shape[1], dtype="float64")(x)
    made = keras.Model(images, x)
    made.set_weights([array for layer in layers for array in layer])
    return made


def logits(layers: Layers, x: np.ndarray) -> np.ndarray:
    """The network's, by NumPy."""
    return _activations(layers, x)[-1]


def gradients(layers: Layers, *branches: tuple[np.ndarray, np.ndarray]) -> list[np.ndarray]:
    """Of a loss whose gradient to the logits of each branch's images is given.

    Args:
      layers: the network.
      *branches: images and the gradient to their logits.
    """
    total = [np.zeros_like(array) for layer in layers for array in layer]
    for x, error in branches:
        values = _activations(layers, x)
        for i in reversed(range(len(layers))):
            into = np.tanh(values[i]) if i else values[i]
            total[2 * i] += into.T @ error
            total[2 * i + 1] += error.sum(axis=0)
            error = error @ layers[i][0].T * (1 - into**2)
    return total


def cross_entropy(z: np.ndarray, label: np.ndarray, smoothing: float):
    """Each image's loss, and its gradient to z."""
    p = softmax(z)
    y = (1 - smoothing) * np.eye(3)[label] + smoothing / 3
    return -(y * np.log(p)).sum(axis=1), p - y


def divergence(z: np.ndarray, z_adv: np.ndarray):
    """Each image's D_KL(p || p_adv), and its gradients to z and to z_adv."""
    p, p_adv = softmax(z), softmax(z_adv)
    ratio = np.log(p) - np.log(p_adv)
    kl = (p * ratio).sum(axis=1)
    return kl, p * (ratio - kl[:, None]), p_adv - p


def _activations(layers: Layers, x: np.ndarray) -> list[np.ndarray]:
    """The images, what enters each tanh, and the logits."""
    values = [np.reshape(x, (len(x), -1)).astype(np.float64)]
    for i, (weights, bias) in enumerate(layers):
        into = np.tanh(values[-1]) if i else values[-1]
        values.append(into @ weights + bias)
    return values
