"""Random numbers keyed by image: a draw depends on the run, the step and the image alone.

    seeds = image_seeds(run_seed, step, index)        # (batch, 2), one int32 pair an image
    noise = per_image(tf.random.stateless_normal, seeds, image.shape[1:])

The same numbers come whatever the batch size, the batch's neighbours or the number of replicas.
"""

from collections.abc import Callable

import tensorflow as tf

# Named, because what TensorFlow chooses by itself differs between CPUs and GPUs (XLA makes other
# floats of the same bits).
ALGORITHM = "philox"


def image_seeds(seed: int, step: tf.Tensor | int, index: tf.Tensor) -> tf.Tensor:
    """One int32 seed pair for each image.

    Args:
      seed: the run's seed.
      step: what changes from one visit of an image to the next (the number of updates so far).
      index: the images' global indices, shape (batch,).
    """
    # A fold is [a random number, its data]: the second makes one number of run and step.
    visit = _fold_one(_fold_one(tf.constant([seed, 0]), tf.cast(step, tf.int32)), 0)[0]
    index = tf.cast(index, tf.int32)
    return tf.stack([tf.fill(tf.shape(index), visit), index], axis=1)


def fold(seeds: tf.Tensor, data: tf.Tensor | int) -> tf.Tensor:
    """Seeds of a sub-stream: independent of `seeds` and of every other `data`."""
    return tf.map_fn(lambda seed: _fold_one(seed, data), seeds)


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


def _fold_one(seed: tf.Tensor, data: tf.Tensor | int) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, data, alg=ALGORITHM)
