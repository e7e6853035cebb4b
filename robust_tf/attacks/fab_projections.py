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

    The left side is concave and piecewise linear in t, so Newton's method from t = 0 never
    oversteps the root and arrives at it after a few pieces. There is nothing to sort.

    Args:
      threat: its norm and its pixel range count.
      x: points, (rows, pixels).
      w: normal vectors, (rows, pixels).
      gap: what <w, x> lacks, (rows,).
    """
    # To order 1: the squares of a flat network's gradient are 0.
    scale = tf.reduce_max(tf.abs(w), axis=1, keepdims=True)
    w *= tf.math.divide_no_nan(tf.sign(gap)[:, None], scale)
    gap = tf.math.divide_no_nan(tf.abs(gap)[:, None], scale)
    size = tf.abs(w)
    room = tf.where(w > 0, threat.high - x, x - threat.low)
    speed = size if threat.norm == "L2" else tf.ones((), w.dtype)
    return tf.sign(w) * tf.minimum(_time(size, speed, room, gap) * speed, room)


def _time(size: tf.Tensor, speed: tf.Tensor, room: tf.Tensor, gap: tf.Tensor) -> tf.Tensor:
    """The t with <size, min(t speed, room)> = gap, or the largest number where there is none."""
    rate, reach = size * speed, size * room
    nothing = tf.zeros((), size.dtype)
    beyond = gap >= tf.reduce_sum(reach, axis=1, keepdims=True)

    def newton(t, _):
        stopped = t * speed >= room
        slope = tf.reduce_sum(tf.where(stopped, nothing, rate), axis=1, keepdims=True)
        done = tf.reduce_sum(tf.where(stopped, reach, nothing), axis=1, keepdims=True)
        following = tf.math.divide_no_nan(gap - done, slope)
        return tf.maximum(t, following), tf.reduce_any(following > t)

    # A row that has arrived stays to the bit while others go on.
    start = tf.where(beyond, size.dtype.max, tf.zeros_like(gap))
    t, _ = tf.while_loop(lambda t, moving: moving, newton, (start, True), parallel_iterations=1)
    return t
