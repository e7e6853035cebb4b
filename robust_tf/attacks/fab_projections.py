"""The projection that FAB is made of: onto a hyperplane, within the pixel range.

move = onto_hyperplane(threat, x, w, gap)       # <w, move> = gap, x + move in range
"""

import tensorflow as tf

from robust_tf.threat import Threat


def onto_hyperplane(threat: Threat, x: tf.Tensor, w: tf.Tensor, gap: tf.Tensor) -> tf.Tensor:
    """argmin_d ||d|| such that <w, d> = gap and low <= x + d <= high, exact, for each row.

    Where the range holds no such point, d leads to the range's point nearest to the hyperplane.

    Either norm's solution moves every pixel towards the hyperplane at a speed of its own (1 in
    Linf, |w_i| in L2) for one time t, until it meets the range's end:

        d_i = sign(gap w_i) min(t speed_i, room_i),  <|w|, min(t speed, room)> = |gap|

    The left side is concave and piecewise linear in t, so Newton's method from t = 0, where all
    pixels move, never oversteps the root and arrives at it after a few pieces. There is nothing to
    sort.

    Args:
      threat: its norm and its pixel range count.
      x: points, (..., rows, pixels).
      w: normal vectors, (rows, pixels): those of all points of a row.
      gap: what <w, x> lacks, (..., rows).
    """
    # To order 1: the squares of a flat network's gradient are 0.
    scale = tf.reduce_max(tf.abs(w), axis=-1, keepdims=True)
    size, uphill = tf.math.divide_no_nan(tf.abs(w), scale), tf.sign(w)
    side = tf.sign(gap)[..., None]
    gap = tf.math.divide_no_nan(tf.abs(gap)[..., None], scale)
    low, high = threat.low, threat.high
    # The end of the range that a pixel moves to: (low + high) / 2 +- (high - low) / 2.
    end = (low + high) / 2 + (high - low) / 2 * uphill * side
    room = tf.abs(end - x)
    speed = size if threat.norm == "L2" else tf.ones((), w.dtype)
    return side * uphill * tf.minimum(_time(size, speed, room, gap) * speed, room)


def _time(size: tf.Tensor, speed: tf.Tensor, room: tf.Tensor, gap: tf.Tensor) -> tf.Tensor:
    """The t with <size, min(t speed, room)> = gap, or the largest number where there is none."""
    rate, reach = size * speed, size * room
    beyond = gap >= tf.reduce_sum(reach, axis=-1, keepdims=True)

    def newton(t, _):
        # Products with 0 and 1, since tf.where takes three times as long.
        moving = tf.cast(t * speed < room, size.dtype)
        slope = tf.reduce_sum(moving * rate, axis=-1, keepdims=True)
        done = tf.reduce_sum((1 - moving) * reach, axis=-1, keepdims=True)
        following = tf.math.divide_no_nan(gap - done, slope)
        return tf.maximum(t, following), tf.reduce_any(following > t)

    # A row that has arrived stays to the bit while others go on.
    first = tf.math.divide_no_nan(gap, tf.reduce_sum(rate, axis=-1, keepdims=True))
    start = tf.where(beyond, size.dtype.max, first)
    t, _ = tf.while_loop(lambda t, moving: moving, newton, (start, True), parallel_iterations=1)
    return t
