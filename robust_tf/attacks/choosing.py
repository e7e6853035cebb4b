"""Picks whole images.

better = choose(loss > loss_before, x_adv, x_before)
"""

import tensorflow as tf


def choose(condition: tf.Tensor, these: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """`these` where the condition holds, an entry an image, else `others`.

    Flat: tf.where broadcasts over two dimensions in a seventh of the time that four take.
    """
    if these.shape.rank == 1:
        return tf.where(condition, these, others)
    pixels = these.shape[1:].num_elements()
    flat = [tf.reshape(t, (-1, pixels)) for t in (these, others)]
    return tf.reshape(tf.where(condition[:, None], *flat), (-1, *these.shape[1:]))
