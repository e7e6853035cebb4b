"""A substitute for a victim that only answers (Papernot et al. 2017,
https://arxiv.org/abs/1602.02697), trained on its answers, to be attacked in its place.

    substitute = train_substitute(victim, images, seed=1)
    attack = Transfer(PGD(Threat("Linf", 8 / 255)), source=network_victim(substitute))
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from robust_tf import draws
from robust_tf.errors import InputError, refuse_below
from robust_tf.victim import Victim

BATCH = 128
# The paper's lambda: how far Jacobian-based augmentation goes from an image.
LAMBDA = 0.1


def train_substitute(
    victim: Victim,
    images: tf.Tensor | np.ndarray,
    seed: int,
    *,
    units: Sequence[int] = (200, 200),
    epochs: int = 10,
    rounds: int = 0,
) -> keras.Model:
    """Three dense layers (paper 2, section 4.1), from images to logits, trained on the answers.

    Args:
      victim: asked for its label of each image, and for nothing else.
      images: in [0, 1], shape (count, height, width, channels).
      seed: of initial weights, of the order of images, and of a random victim.
      units: of the hidden layers.
      epochs: over the images, and again over all there are after each round.
      rounds: of Jacobian-based augmentation, each of which doubles the images and asks for the
        labels of the new ones.
    """
    refuse_below(1, "The substitute", epochs=epochs)
    refuse_below(0, "The substitute", rounds=rounds)
    x = tf.convert_to_tensor(images, tf.float32)
    if x.shape.rank != 4 or 0 in x.shape:
        raise InputError(
            f"The substitute's images have shape {tuple(x.shape)}; expected (count, height, width, "
            f"channels), none of them 0."
        )
    label, classes = _answers(victim, x, seed, 0)
    network = _dense(x.shape[1:], classes, units, seed)
    _fit(network, x, label, epochs, seed)
    for rho in range(1, rounds + 1):
        new = _augmented(network, x, label)
        new_label, _ = _answers(victim, new, seed, rho)
        x, label = tf.concat([x, new], axis=0), tf.concat([label, new_label], axis=0)
        _fit(network, x, label, epochs, seed + rho)
    return network


def _dense(shape: tf.TensorShape, classes: int, units: Sequence[int], seed: int) -> keras.Model:
    def layer(depth: int, width: int, **options) -> keras.layers.Dense:
        initial = keras.initializers.GlorotUniform(seed=seed + depth)
        return keras.layers.Dense(width, kernel_initializer=initial, dtype="float32", **options)

    images = keras.Input(tuple(shape))
    features = keras.layers.Flatten(dtype="float32")(images)
    for depth, width in enumerate(units):
        features = layer(depth, width, activation="relu")(features)
    network = keras.Model(images, layer(len(units), classes, name="logits")(features))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(), loss, jit_compile=False)
    return network


def _fit(network: keras.Model, x: tf.Tensor, label: tf.Tensor, epochs: int, seed: int) -> None:
    data = tf.data.Dataset.from_tensor_slices((x, label)).shuffle(len(x), seed=seed)
    network.fit(data.batch(BATCH), epochs=epochs, shuffle=False, verbose=0)


def _answers(victim: Victim, x: tf.Tensor, seed: int, rho: int) -> tuple[tf.Tensor, int]:
    """O~(x), the victim's labels, and how many classes it has."""

    def ask(x, seeds):
        logits = victim(x, seeds)["logits"]
        return tf.argmax(logits, axis=-1), tf.shape(logits)[-1]

    seeds = draws.image_seeds(seed, rho, tf.range(len(x)))
    answers = _in_batches(ask, x, seeds)
    return tf.concat([label for label, _ in answers], axis=0), int(answers[0][1])


def _augmented(network: keras.Model, x: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    """x + lambda sgn(J_F(x)[O~(x)]), within the pixel range."""

    def step(x, label):
        # The images alone are watched: the gradient of the weights is not computed.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            logit = tf.gather(network(x, training=False), label, axis=-1, batch_dims=1)
        return tf.clip_by_value(x + LAMBDA * tf.sign(tape.gradient(logit, x)), 0.0, 1.0)

    return tf.concat(_in_batches(step, x, label), axis=0)


def _in_batches(function: Callable, *tensors: tf.Tensor) -> list:
    """What a function gives for each batch, computed as one graph for all sizes."""
    signature = [tf.TensorSpec((None, *t.shape[1:]), t.dtype) for t in tensors]
    graph = tf.function(function, input_signature=signature, autograph=False)
    return [graph(*batch) for batch in tf.data.Dataset.from_tensor_slices(tensors).batch(BATCH)]
