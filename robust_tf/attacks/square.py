"""The Square attack (Andriushchenko et al. 2020, https://arxiv.org/abs/1912.00049), without
gradients: a random search over squares for Linf, over pairs of windows for L2.

    attack = Square(Threat("Linf", 8 / 255), queries=5000)
    x_adv = attack(victim, x, label, seeds)

It is a value and one graph. Position, sign and window of every query are drawn from the image's own
seeds. (The public implementation draws one square for all images that are left, so that its
outcome depends on the batch.)
"""

import dataclasses
import math
from typing import NamedTuple

import tensorflow as tf

from robust_tf import draws, losses
from robust_tf.attacks.choosing import choose
from robust_tf.attacks.square_moves import Squares, Windows
from robust_tf.errors import InputError, refuse_below
from robust_tf.leaving import any_number, leave, written
from robust_tf.threat import Threat
from robust_tf.victim import Victim

# The paper's schedule, on raw iterations as in AutoAttack: p halves after each of these squares.
HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


class _Running(NamedTuple):
    """The images that are still attacked."""

    place: tf.Tensor  # its row in the batch
    x: tf.Tensor
    ends: tuple[tf.Tensor, ...]  # the least and the greatest pixels of the ball, in Linf
    label: tf.Tensor
    seeds: tf.Tensor
    x_hat: tf.Tensor
    loss: tf.Tensor
    fooled: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Square:
    """Random search within a threat model: a change stays where it raises the loss.

    Attributes:
      threat: what may be done to the image.
      loss: what is ascended; the paper's is the margin, without an end.
      queries: of the victim, for each image, the one of the start among them.
      p_init: share of the pixels that the first square covers.
      judge: the victim is itself the judge, so that an image that it gets wrong is done and leaves
        the batch. Otherwise every image runs every query, and the iterate of highest loss is
        returned.
    """

    threat: Threat
    loss: losses.Loss = losses.Margin(float("inf"))
    queries: int = 5000
    p_init: float = 0.8
    judge: bool = False

    def __post_init__(self):
        refuse_below(1, "Square", queries=self.queries)
        if not 0 < self.p_init <= 1:
            raise InputError(f"Square's p_init must lie in (0, 1], got {self.p_init}.")

    def __call__(
        self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor
    ) -> tf.Tensor:
        """The adversarial images."""
        x = tf.convert_to_tensor(x)
        shape = tuple(x.shape[1:])
        kind = {"Linf": Squares, "L2": Windows}[self.threat.norm]
        moves = kind(self.threat, shape, self.sides(*shape[:2]))
        running = _everybody(x, moves.ends(x), tf.convert_to_tensor(label), seeds)

        # Algorithm 1, the start being query 0.
        def query(q, running, found):
            stream = draws.fold(running.seeds, 2 * q)
            candidate = moves.candidate(q - 1, running.x_hat, running.x, running.ends, stream)
            return q + 1, *self._query(victim, q, running, candidate, found)

        start = moves.start(x, draws.fold(seeds, 0))
        running, found = self._query(victim, tf.constant(0), running, start, x)
        shapes = any_number(running)
        _, running, found = tf.while_loop(
            lambda q, running, _: (q < self.queries) & (tf.size(running.place) > 0),
            query,
            (tf.constant(1), running, found),
            shape_invariants=(tf.TensorShape([]), shapes, found.shape),
            parallel_iterations=1,
        )
        return tf.stop_gradient(_record(found, running))

    def _query(self, victim: Victim, q, running: _Running, candidate, found):
        """Keeps the candidates of higher loss, and writes those that are done into `found`."""
        outputs = victim(candidate, draws.fold(running.seeds, 2 * q + 1))
        loss = tf.cast(self.loss(outputs, running.label), tf.float32)
        predicted = tf.argmax(outputs["logits"], axis=-1, output_type=running.label.dtype)
        fooled = predicted != running.label
        better = loss > running.loss
        if self.judge:
            better |= fooled
        running = running._replace(
            x_hat=choose(better, candidate, running.x_hat),
            loss=tf.where(better, loss, running.loss),
            fooled=fooled,
        )
        if not self.judge:
            return running, found
        return leave(running, fooled, found, _record)

    def sides(self, height: int, width: int) -> list[int]:
        """The side of each square (for L2: window), the first one after the start being 0."""
        least = 1 if self.threat.norm == "Linf" else 3
        sides = []
        for i in range(self.queries):
            p = self.p_init / 2 ** sum(i > halving for halving in HALVINGS)
            side = max(round(math.sqrt(p * height * width)), least)
            if self.threat.norm == "L2":
                side += side % 2 == 0  # Odd, so that a window has a middle.
            sides.append(min(side, height, width))
        return sides


def _everybody(x: tf.Tensor, ends: tuple, label: tf.Tensor, seeds: tf.Tensor) -> _Running:
    """All images, before their first query."""
    count = tf.shape(x)[0]
    never, loss = tf.fill((count,), False), tf.fill((count,), -float("inf"))
    return _Running(tf.range(count), x, ends, label, seeds, x, loss, never)


def _record(found: tf.Tensor, running: _Running) -> tf.Tensor:
    return written(found, running.place, running.x_hat)
