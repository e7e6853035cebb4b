"""What a non-local denoising block holds in memory, known before it runs.

The block is the filter, its 1x1 convolution, batch norm and the sum. Its input is not counted: the
layer before it keeps that.
"""

from typing import NamedTuple

from robust_tf.layers.affinity import chunk_count
from robust_tf.layers.non_local import EMBEDDED, NonLocal

_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}


class Memory(NamedTuple):
    """Of one block and one image.

    Attributes:
      positions: of the feature map.
      channels: of the feature map.
      rows: of the square matrix between positions, or between channels where dot takes that way.
      chunks: of rows, in which the matrix is made; above 1, the gradient makes each chunk again.
      forward: bytes that the filter holds at most on the way forward.
      kept: bytes that training keeps of the block for its gradient.
    """

    positions: int
    channels: int
    rows: int
    chunks: int
    forward: int
    kept: int


def memory(filter: NonLocal) -> Memory:
    """What the block around a built filter holds."""
    _, height, width, channels = filter.get_build_config()["input_shape"]
    positions = height * width
    size = _BYTES[filter.compute_dtype]
    # Batch norm and every affinity but dot's are computed in float32 at least.
    full = max(size, 4)
    one_map = positions * channels
    # The filter's result, the convolution's as batch norm takes it, and the sum.
    block = one_map * (size + full + size)
    if filter.kind == "dot":
        rows = min(positions, channels)
        # The scaled features, the same transposed, and the matrix.
        held = (2 * one_map + rows**2) * size
        return Memory(positions, channels, rows, 1, held, block + held)
    chunks = chunk_count(positions, filter.max_affinity)
    at_once = -(-positions // chunks) * positions * full
    sides = _sides(filter.kind, positions, channels, size, full, chunks)
    if chunks > 1:
        # A loop's queue of rows, before and after a turn.
        forward = sides + at_once + 2 * one_map * full
        return Memory(positions, channels, positions, chunks, forward, block + sides)
    # ReLU's result is kept as well as its mean.
    kept = sides + at_once * (2 if filter.kind == "concatenation" else 1)
    return Memory(positions, channels, positions, 1, kept, block + kept)


def _sides(kind: str, positions: int, channels: int, size: int, full: int, chunks: int) -> int:
    """Bytes of what the affinity is computed of, beside the block's input itself."""
    one_map = positions * channels
    reduced = one_map * full if size < full else 0
    if kind not in EMBEDDED:
        return reduced + (one_map * full if chunks == 1 else 0)
    embedded = 2 * positions * (channels // 2)
    if kind == "concatenation":
        # Queries and keys are two numbers a position each.
        return reduced + embedded * size + 4 * positions * full
    return reduced + embedded * full
