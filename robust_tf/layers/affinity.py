"""y_i = sum_j f_ij x_j with f = A(q k^T), in memory that does not grow with f's size.

    y = means(SOFTMAX, queries, keys, x, limit=2**20)

The gradient is written out, and computes each chunk of f again. keras.remat would do so as well,
but it has no second derivative, and none at all once it was exported inside of a loop.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from keras import ops


@dataclasses.dataclass(frozen=True)
class Affinity:
    """How scores s = q k^T become the weights of a mean.

    Attributes:
      f: A(s), along the last axis.
      gradient: dL/ds, from f and dL/df.
    """

    f: Callable[[Any], Any]
    gradient: Callable[[Any, Any], Any]


SOFTMAX = Affinity(ops.softmax, lambda f, df: f * (df - ops.sum(f * df, axis=-1, keepdims=True)))
# ReLU(s) / HW
RECTIFIED = Affinity(
    lambda s: ops.relu(s) / s.shape[-1],
    lambda f, df: ops.sign(f) * df / f.shape[-1],
)


def chunk_count(positions: int, limit: int) -> int:
    """In how many chunks of rows f is made; the arguments are those of `means`."""
    return math.ceil(positions / max(1, limit // positions))


def means(affinity: Affinity, queries: Any, keys: Any, x: Any, limit: int) -> Any:
    """Returns y, of shape (batch, positions, channels) as x.

    Args:
      affinity: SOFTMAX or RECTIFIED.
      queries: q, of shape (batch, positions, any number).
      keys: k, of the same shape.
      x: what is averaged, of the same dtype.
      limit: entries of f that are held at once for each image, if a row has no more of them.
    """
    chunks = chunk_count(x.shape[1], limit)
    if chunks == 1:
        return ops.matmul(affinity.f(_scores(queries, keys)), x)

    @ops.custom_gradient
    def in_chunks(q, k, x):
        # Eagerly, TensorFlow would hold the chunks of f for a gradient of its own.
        fixed_q, fixed_k, fixed_x = (ops.stop_gradient(t) for t in (q, k, x))

        def y(chunk):
            return (ops.matmul(affinity.f(_scores(chunk, fixed_k)), fixed_x),)

        def gradient(dy):
            def terms(chunk):
                q, dy = chunk[..., : k.shape[-1]], chunk[..., k.shape[-1] :]
                f = affinity.f(_scores(q, k))
                ds = affinity.gradient(f, _scores(dy, x))
                return ops.matmul(ds, k), ops.matmul(_turned(ds), q), ops.matmul(_turned(f), dy)

            zeros = ops.zeros_like(k), ops.zeros_like(x)
            q_and_dy = ops.concatenate([q, dy], axis=-1)
            return _chunk_by_chunk(terms, q_and_dy, k.shape[-1], chunks, *zeros)

        return _chunk_by_chunk(y, fixed_q, x.shape[-1], chunks)[0], gradient

    return in_chunks(queries, keys, x)


def _turned(x: Any) -> Any:
    return ops.swapaxes(x, 1, 2)


def _scores(q: Any, k: Any) -> Any:
    return ops.matmul(q, _turned(k))


def _chunk_by_chunk(
    function: Callable[[Any], tuple[Any, ...]], rows: Any, width: int, chunks: int, *sums: Any
) -> tuple[Any, ...]:
    """Maps chunks of rows to rows, and adds up what else the function returns.

    Args:
      function: takes a chunk; returns as many rows, and one term for each of `sums`.
      rows: of shape (batch, positions, any number).
      width: of the rows that the function returns.
      chunks: how many of equal size; zeros fill the last.
      *sums: what the terms are added to.
    """
    positions, channels = rows.shape[1:]
    size = math.ceil(positions / chunks)
    widest = max(width, channels)

    # TensorFlow runs up to ten turns of a loop at a time, and would hold all of their chunks. As
    # results join the queue that they came from, each turn has to wait for the last.
    def turn(queue, *sums):
        results, *terms = function(queue[:, 0, :, :channels])
        results = ops.pad(results, [(0, 0), (0, 0), (0, widest - width)])
        queue = ops.concatenate([queue[:, 1:], results[:, None]], axis=1)
        return queue, *(total + term for total, term in zip(sums, terms, strict=True))

    queue = ops.pad(rows, [(0, 0), (0, chunks * size - positions), (0, widest - channels)])
    queue = ops.reshape(queue, (-1, chunks, size, widest))
    # A bound and no condition: XLA cannot differentiate a loop without one.
    queue, *sums = ops.while_loop(lambda *_: True, turn, (queue, *sums), maximum_iterations=chunks)
    results = ops.reshape(queue, (-1, chunks * size, widest))
    return results[:, :positions, :width], *sums
