"""What the tests of attacks that minimise a distance share: networks, and one graph for batches."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from robust_tf.victim import Victim, network_victim
from tests.linear import linear_network, random_images, seeds

DUAL = {"Linf": 1, "L2": 2}
WEIGHTS = np.random.default_rng(3).normal(size=(4, 4))
# All classes meet in the midst of the range.
LINEAR = linear_network(WEIGHTS, -np.sum(WEIGHTS, axis=0) / 2)


def curved_network() -> keras.Model:
    """A hidden layer of tanh, with boundaries in the midst of the range."""
    rng = np.random.default_rng(8)
    images = keras.Input((2, 2, 1))
    hidden = keras.layers.Dense(12, activation="tanh")(keras.layers.Flatten()(images))
    network = keras.Model(images, keras.layers.Dense(4)(hidden))
    into, out = 2 * rng.normal(size=(4, 12)), rng.normal(size=(12, 4))
    network.set_weights([into, -np.sum(into, axis=0) / 2, out, np.zeros(4)])
    return network


CURVED = curved_network()


def classes_of(network: keras.Model, x) -> np.ndarray:
    """What the network says."""
    return np.argmax(network(x), axis=-1)


def central_images(count: int) -> np.ndarray:
    """Images so near to where LINEAR's classes meet that the range is far."""
    return 0.5 + (random_images(count) - 0.5) / 4


def linear_distances(norm: str, x, label) -> np.ndarray:
    """LINEAR's |f| / ||w||_q of each image's nearest boundary, where the range is far."""
    z = np.reshape(x - 0.5, (-1, 4)) @ WEIGHTS
    others = np.array([[c for c in range(4) if c != y] for y in label])
    f = np.take_along_axis(z, others, 1) - z[np.arange(len(z)), label][:, None]
    w = WEIGHTS.T[others] - WEIGHTS.T[label][:, None]
    return np.min(-f / np.linalg.norm(w, DUAL[norm], axis=2), axis=1)


def in_graph(call: Callable, x, label, parts=(slice(None),)) -> list[list[np.ndarray]]:
    """What call(x, label, seeds) gives for each part, from one graph of unknown batch size."""
    batch = (tf.constant(x), tf.constant(label), seeds(len(x)))
    signature = [tf.TensorSpec([None, *t.shape[1:]], t.dtype) for t in batch]
    graph = tf.function(call, input_signature=signature, autograph=False)
    return [[t.numpy() for t in graph(*(t[part] for t in batch))] for part in parts]


def nearest(attack, network: keras.Model, x, label) -> list[np.ndarray]:
    """The nearest adversarial images and their distances."""
    return in_graph(lambda *b: attack.nearest(network_victim(network), *b), x, label)[0]


def eager_and_parts(attack, network: keras.Model, x, label):
    """(images, distances): computed eagerly, in a graph together, and there in three parts."""
    victim = network_victim(network)
    eager = attack.nearest(victim, tf.constant(x), tf.constant(label), seeds(len(x)))
    parts = [slice(None), slice(0, 1), slice(1, 3), slice(3, None)]
    together, *apart = in_graph(lambda *b: attack.nearest(victim, *b), x, label, parts)
    return eager, together, [np.concatenate(t) for t in zip(*apart, strict=True)]


def counted(network: keras.Model, counts: list[int]) -> Victim:
    """The network as a victim that notes the size of every batch it is called with."""

    def victim(x, seed):
        counts.append(len(x))
        return network_victim(network)(x, seed)

    return victim
