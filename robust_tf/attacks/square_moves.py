"""What the Square attack tries: squares for Linf, pairs of windows for L2.

moves = Squares(threat, (32, 32, 3), sides)
x_hat = moves.start(x, seeds)
candidate = moves.candidate(i, x_hat, x, moves.ends(x), seeds)
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from robust_tf import draws
from robust_tf.threat import Threat

INITIAL_TILES = 5


class _Moves:
    """What both kinds are made of.

    Args:
      threat: what may be done to an image.
      shape: of an image.
      sides: of each query's square or windows.
    """

    def __init__(self, threat: Threat, shape: tuple[int, int, int], sides: Sequence[int]):
        self.threat, self.shape = threat, shape
        self.sides = tf.constant(sides, tf.int32)


class Squares(_Moves):
    """Linf, Algorithm 2: vertical stripes, then squares of one sign a channel."""

    def __init__(self, threat: Threat, shape: tuple[int, int, int], sides: Sequence[int]):
        super().__init__(threat, shape, sides)
        # So that an end of the ball is met whatever was there.
        self.far = 2 * self.threat.epsilon

    def start(self, x: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """The images that the search begins at."""
        stripes = _signs(draws.uniform(seeds, (1, *self.shape[1:])))
        return self.threat.project(x + self.threat.epsilon * stripes, x)

    def ends(self, x: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """What each candidate is clipped to: the least and the greatest pixels of the ball."""
        return tuple(self.threat.project(x + far, x) for far in (-self.far, self.far))

    def candidate(
        self, i: tf.Tensor, x_hat: tf.Tensor, x: tf.Tensor, ends: tuple, seeds: tf.Tensor
    ) -> tf.Tensor:
        """x_hat with square i."""
        h, w, c = self.shape
        side = self.sides[i]
        u = draws.uniform(seeds, (2 + c,))
        in_rows = _in_window(_offsets(u[:, 0], h, side), side)
        in_columns = _in_window(_offsets(u[:, 1], w, side), side)
        rho = _signs(u[:, 2:])
        row = self.far * in_columns[:, :, None] * rho[:, None, :]
        # Broadcast along whole rows: along the three channels it takes seven times as long.
        delta = in_rows[:, :, None] * tf.reshape(row, (-1, 1, w * c))
        lowest, highest = ends
        candidate = x_hat + tf.reshape(delta, (-1, h, w, c))
        return tf.minimum(tf.maximum(candidate, lowest), highest)


class Windows(_Moves):
    """L2, Algorithm 3: mass moves from one window to another, within each channel.

    (The public implementation weighs the windows over all channels and then scales to the sphere.)
    """

    def __init__(self, threat: Threat, shape: tuple[int, int, int], sides: Sequence[int]):
        super().__init__(threat, shape, sides)
        # One eta for each side there is, at the corner of a table that a window's offsets look up.
        distinct = sorted(set(sides), reverse=True)
        self.table_side = max(shape[:2])
        tables = [np.pad(eta(side), (0, self.table_side - side)) for side in distinct]
        self.etas = tf.constant(np.reshape(tables, (len(distinct), -1)), tf.float32)
        self.table = tf.constant([distinct.index(side) for side in sides], tf.int32)

    def start(self, x: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """A grid of 5 x 5 etas in the middle, with a sign for each and each channel."""
        h, w, c = self.shape
        side = max(min(h, w) // INITIAL_TILES, 1)
        rows, columns = min(INITIAL_TILES, h), min(INITIAL_TILES, w)
        u = draws.uniform(seeds, (rows, columns, c + 1))

        def enlarged(tiles):
            return tf.repeat(tf.repeat(tiles, side, axis=1), side, axis=2)

        upright = np.tile(eta(side), (rows, columns))[:, :, None].astype(np.float32)
        lying = np.tile(eta(side).T, (rows, columns))[:, :, None].astype(np.float32)
        grid = tf.where(enlarged(u[..., :1]) < 0.5, upright, lying) * _signs(enlarged(u[..., 1:]))
        top, left = (h - rows * side) // 2, (w - columns * side) // 2
        grid = tf.image.pad_to_bounding_box(grid, top, left, h, w)
        return self.threat.project(x + self.threat.epsilon * self.threat.steepest(grid), x)

    def ends(self, x: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Nothing: a ball of L2 has none."""
        del x
        return ()

    def candidate(
        self, i: tf.Tensor, x_hat: tf.Tensor, x: tf.Tensor, ends: tuple, seeds: tf.Tensor
    ) -> tf.Tensor:
        """x_hat with windows i."""
        h, w, c = self.shape
        side = self.sides[i]
        u = draws.uniform(seeds, (5 + c,))
        r1, s1 = _offsets(u[:, 0], h, side), _offsets(u[:, 1], w, side)
        r2, s2 = _offsets(u[:, 2], h, side), _offsets(u[:, 3], w, side)
        in_1 = _in_window(r1, side)[:, None, :, None] * _in_window(s1, side)[:, None, None, :]
        in_2 = _in_window(r2, side)[:, None, :, None] * _in_window(s2, side)[:, None, None, :]
        in_either = tf.maximum(in_1, in_2)
        rho = _signs(u[:, 5:, None, None])
        # Channels first: a window's sums then run along the memory.
        nu = tf.transpose(x_hat - x, (0, 3, 1, 2))
        # nu_temp = rho eta* + nu_W1,i / |nu_W1,i|
        nu_temp = rho * self._placed(i, r1, s1, u[:, 4] < 0.5) + _unit(nu * in_1)
        # eps_avail,i = sqrt(|nu_(W1 u W2),i|^2 + (eps^2 - |nu|^2) / c)
        squares = tf.square(nu)
        total = tf.reduce_sum(squares, axis=(1, 2, 3), keepdims=True)
        unused = tf.maximum(self.threat.epsilon**2 - total, 0.0)
        mass = tf.reduce_sum(squares * in_either, axis=(2, 3), keepdims=True)
        available = tf.sqrt(mass + unused / c)
        # nu_W2 = 0, then nu_W1,i = eps_avail,i nu_temp / |nu_temp|
        nu = nu * (1 - in_either) + _unit(nu_temp) * available
        return self.threat.project(x + tf.transpose(nu, (0, 2, 3, 1)), x)

    def _placed(self, i, rows: tf.Tensor, columns: tf.Tensor, lying: tf.Tensor) -> tf.Tensor:
        """eta*, or its transpose, with its corner where the offsets are 0; 0 outside."""
        # Modulo, offsets before the window fall behind it, where the table is 0 too.
        m = self.table_side
        rows, columns = (rows % m)[:, :, None], (columns % m)[:, None, :]
        places = tf.where(lying[:, None, None], columns * m + rows, rows * m + columns)
        return tf.gather(self.etas[self.table[i]], places)[:, None]


def eta(side: int) -> np.ndarray:
    """Algorithm 3's pattern of a window: a pyramid in one half, the other with opposite sign."""
    half = side // 2
    pattern = np.concatenate([_pyramid(side, half), -_pyramid(side, side - half)], axis=1)
    return pattern / np.linalg.norm(pattern)


def _pyramid(h1: int, h2: int) -> np.ndarray:
    """eta_r,s = sum_{k=0}^{M(r,s)} 1 / (n + 1 - k)^2, with n = floor(h1 / 2), h1 >= h2."""
    n = h1 // 2
    r, s = np.arange(1, h1 + 1)[:, None], np.arange(1, h2 + 1)
    M = n - np.maximum(np.abs(r - h1 // 2 - 1), np.abs(s - h2 // 2 - 1))
    k = np.arange(n + 1)
    return np.sum((k <= M[..., None]) / (n + 1.0 - k) ** 2, axis=-1)


def _signs(u: tf.Tensor) -> tf.Tensor:
    return tf.where(u < 0.5, -1.0, 1.0)


def _offsets(u: tf.Tensor, length: int, side: tf.Tensor) -> tf.Tensor:
    """Each pixel's place in a window that begins at one of 0, ..., length - side.

    The public implementation leaves the last place out; the paper does not.
    """
    places = tf.cast(length - side + 1, tf.float32)
    begin = tf.cast(u * places, tf.int32)
    return tf.range(length) - begin[:, None]


def _in_window(offsets: tf.Tensor, side: tf.Tensor) -> tf.Tensor:
    """1 where an offset lies in the window, else 0."""
    return tf.cast((offsets >= 0) & (offsets < side), tf.float32)


def _unit(nu: tf.Tensor) -> tf.Tensor:
    """Each channel divided by its norm; 0 stays 0."""
    squares = tf.reduce_sum(tf.square(nu), axis=(2, 3), keepdims=True)
    return nu * tf.math.rsqrt(tf.maximum(squares, 1e-24))
