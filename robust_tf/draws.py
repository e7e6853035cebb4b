"""Random numbers keyed by image: a draw depends on the run, the step and the image alone.

    seeds = image_seeds(run_seed, step, index)        # (batch, 2), one int32 pair an image
    noise = per_image(tf.random.stateless_normal, seeds, image.shape[1:])

The same numbers come whatever the batch size, the batch's neighbours or the number of replicas.
"""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

# Named, because what TensorFlow chooses by itself differs between CPUs and GPUs (XLA makes other
# floats of the same bits).
ALGORITHM = "philox"


def image_seeds(
    seed: int, step: tf.Tensor | int, index: tf.Tensor, block: int | None = None
) -> tf.Tensor:
    """One int32 seed pair for each image.

    The first number of a pair depends on seed and step alone, or on the image's block as well: so
    do the first numbers of its sub-streams, and what is drawn by `shared`.

    Args:
      seed: the run's seed.
      step: what changes from one visit of an image to the next (the number of updates so far).
      index: the images' global indices, shape (batch,).
      block: how many consecutive indices are a block; None is one block for all.
    """
    index = tf.cast(index, tf.int32)
    pairs = tf.stack([tf.fill(tf.shape(index), seed), index], axis=1)
    if block is not None:
        pairs = tf.stack([fold(pairs, index // block)[:, 0], index], axis=1)
    return fold(pairs, step)


def shared(seeds: tf.Tensor) -> tf.Tensor:
    """The seeds with nothing of an image's own: the same ones for all images of a block."""
    return tf.stack([seeds[:, 0], tf.zeros_like(seeds[:, 0])], axis=1)


def fold(seeds: tf.Tensor, data: tf.Tensor | int) -> tf.Tensor:
    """Seeds of a sub-stream: other ones for every `data`, and never the same for two images.

    Arithmetic on the whole batch, since an attack does it in every step; tf.random's own fold_in
    takes one seed at a time.
    """
    first, second = tf.unstack(tf.bitcast(seeds, tf.uint32), axis=1)
    data = tf.bitcast(tf.cast(data, tf.int32), tf.uint32)
    first = _mix(tf.bitwise.bitwise_xor(first, _mix(data + 0x9E3779B9)))
    second = _mix(tf.bitwise.bitwise_xor(second, first))
    return tf.bitcast(tf.stack([first, second], axis=1), tf.int32)


def per_image(
    draw: Callable[..., tf.Tensor], seeds: tf.Tensor, shape: tuple[int, ...] = (), **options
) -> tf.Tensor:
    """Stacks `draw(shape, seed, **options)` over the images' seeds."""
    dtype = options.get("dtype", tf.float32)
    return tf.map_fn(
        lambda seed: draw(shape, seed, alg=ALGORITHM, **options),
        seeds,
        fn_output_signature=tf.TensorSpec(shape, dtype),
    )


def uniform(seeds: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    """Uniform numbers of [0, 1) in 24 bits, shaped (batch, *shape).

    Arithmetic on the whole batch: for the few numbers that each of thousands of steps needs, where
    `per_image` would take longer than the network.
    """
    first, second = tf.unstack(tf.bitcast(seeds, tf.uint32), axis=1)
    # Another offset than fold's: these numbers are never the seeds of a sub-stream.
    counters = _mix(tf.constant(np.arange(math.prod(shape), dtype=np.uint32)) + 0x3C6EF372)
    bits = _mix(tf.bitwise.bitwise_xor(first[:, None], counters))
    bits = _mix(tf.bitwise.bitwise_xor(second[:, None], bits))
    whole = tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32)
    return tf.reshape(whole * 2.0**-24, (-1, *shape))


def _mix(bits: tf.Tensor) -> tf.Tensor:
    """The finalizer of MurmurHash3: one to one, and every bit depends on every other."""
    for factor, shift in ((0x85EBCA6B, 16), (0xC2B2AE35, 13)):
        shifted = tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32))
        bits = tf.bitwise.bitwise_xor(bits, shifted) * tf.constant(factor, tf.uint32)
    return tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(16, tf.uint32)))
