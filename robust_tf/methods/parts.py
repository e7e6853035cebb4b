"""A replica's images of a batch in equal parts, one after another, in the memory of one part."""

from collections.abc import Callable

import tensorflow as tf

from robust_tf.errors import InputError


def check_parts(size: int | None, accumulate: int) -> int:
    """A replica's images of a batch, which must be as many for each part."""
    if size is None or size % accumulate:
        raise InputError(
            f"--accumulate={accumulate} must divide each replica's batch of {size} images."
        )
    return size


def map_parts(
    function: Callable[..., tf.Tensor], accumulate: int, *tensors: tf.Tensor
) -> tf.Tensor:
    """`function` of the batch, whose result is like the first tensor, put together from parts."""
    check_parts(tensors[0].shape[0], accumulate)
    if accumulate == 1:
        return function(*tensors)
    parts = [tf.reshape(t, (accumulate, -1, *t.shape[1:])) for t in tensors]
    signature = tf.TensorSpec((parts[0].shape[1], *tensors[0].shape[1:]), tensors[0].dtype)
    done = tf.map_fn(
        lambda part: function(*part), parts, parallel_iterations=1, fn_output_signature=signature
    )
    return tf.reshape(done, tensors[0].shape)


def sum_parts(function: Callable, accumulate: int):
    """The sum of what `function` gives for parts 0, 1, ..., tensor by tensor."""
    first = function(0)
    if accumulate == 1:
        return first

    def add(part, total):
        return part + 1, tf.nest.map_structure(tf.add, total, function(part))

    _, total = tf.while_loop(
        lambda part, _: part < accumulate, add, (1, first), parallel_iterations=1
    )
    return total
