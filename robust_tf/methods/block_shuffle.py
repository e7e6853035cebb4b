"""Random block shuffle, RBS in paper 5 (Song et al. 2020, https://arxiv.org/abs/1909.10147).

    x_rbs = random_block_shuffle(x_adv, seeds, k=2)

Section 3.1: "we randomly split the target image into k blocks horizontally and randomly shuffle the
blocks, and then we perform the same split-shuffle operation vertically on the resulting image."

No block is empty, and an image's draw comes from its own seed pair alone; k = 2 leaves a quarter of
the images as they are. The public code draws once for a whole batch, and its cuts may coincide with
an edge or with each other, so that blocks may be empty.
"""

import tensorflow as tf

from robust_tf import draws
from robust_tf.errors import InputError


def random_block_shuffle(x: tf.Tensor, seeds: tf.Tensor, k: int) -> tf.Tensor:
    """The images with their columns, then their rows, split into blocks that change places.

    Args:
      x: images, of a height and width that are known when the graph is made.
      seeds: one pair an image.
      k: blocks on each axis; 1 leaves the images as they are.
    """
    shorter = min(x.shape[1:3])
    if not 1 <= k <= shorter:
        raise InputError(
            f"--rlfat_blocks={k} must be between 1 and the {shorter} pixels of the images' "
            "shorter side."
        )
    for axis in (2, 1):
        order = _order(draws.fold(seeds, axis), x.shape[axis], k)
        x = tf.gather(x, order, axis=axis, batch_dims=1)
    return x


def _order(seeds: tf.Tensor, side: int, k: int) -> tf.Tensor:
    """The positions along one side, block after block in a new order, for each image."""
    draw = draws.per_image(tf.random.stateless_uniform, seeds, (side - 1 + k,))
    cut_keys, block_keys = tf.split(draw, [side - 1, k], axis=1)
    # Those of the k - 1 largest keys: any k - 1 of 1, ..., side - 1 are as likely as any others.
    cuts = 1 + tf.math.top_k(cut_keys, k - 1).indices
    block = tf.reduce_sum(tf.cast(cuts[:, :, None] <= tf.range(side), tf.int32), axis=1)
    # A stable sort by the block's key moves the blocks and keeps what is within each in its order.
    return tf.argsort(tf.gather(block_keys, block, batch_dims=1), stable=True)
