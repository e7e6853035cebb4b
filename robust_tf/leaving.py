"""How images that are done leave a batch: fooled ones that of an attack whose victim is itself the
judge, smooth ones that of Active Defense.

The loop holds a NamedTuple of tensors with a row for each image still at work, `place`
(its row in the whole batch) among them, and beside it what was found for the whole batch.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def any_number(images: Any) -> Any:
    """Shape invariants that let the number of images change."""
    return tf.nest.map_structure(lambda t: tf.TensorShape([None, *t.shape[1:]]), images)


def only(images: Any, chosen: tf.Tensor) -> Any:
    """The chosen rows of every tensor."""
    rows = tf.where(chosen)[:, 0]
    return tf.nest.map_structure(lambda t: tf.gather(t, rows), images)


def written(found: Any, place: tf.Tensor, values: Any) -> Any:
    """What was found, with these values at their places."""
    rows = place[:, None]
    return tf.nest.map_structure(
        lambda t, new: tf.tensor_scatter_nd_update(t, rows, new), found, values
    )


def leave(images: Any, fooled: tf.Tensor, found: Any, record: Callable) -> tuple[Any, Any]:
    """The images that are not fooled yet, and `record(found, images)`.

    Most steps fool nobody: copying what is left is paid for only when somebody leaves.
    """
    return tf.cond(
        tf.reduce_any(fooled),
        lambda: (only(images, ~fooled), record(found, images)),
        lambda: (images, found),
    )
