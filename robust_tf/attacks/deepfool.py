"""DeepFool (Moosavi-Dezfooli et al. 2016, https://arxiv.org/abs/1511.04599): walks to the nearest
boundary of the linearised network until it is crossed.

    attack = DeepFool(Threat("L2", 0.5))
    x_adv, distance = attack.nearest(victim, x, label, seeds)

It is a value and one graph: a tf.while_loop whose memory does not grow with the steps.
"""

import dataclasses

import tensorflow as tf

from robust_tf import draws
from robust_tf.attacks.choosing import choose
from robust_tf.attacks.jacobian import nearest_boundary
from robust_tf.attacks.nearest import Nearest, Unbounded
from robust_tf.errors import refuse_below
from robust_tf.threat import Threat
from robust_tf.victim import Victim


@dataclasses.dataclass(frozen=True)
class DeepFool(Unbounded):
    """Algorithm 2, its iterates kept in the pixel range.

    Attributes:
      threat: its norm is what is minimised.
      steps: at most; an image that is fooled stays as it is.
      classes: looked at, the label among them: those of highest clean logit, or all if there are
        fewer.
      overshoot: share of the perturbation that is added to it, to get across the boundary.
      output: which of the victim's outputs is linearised; "logits" say who is fooled.
    """

    threat: Threat
    steps: int = 50
    classes: int = 10
    overshoot: float = 0.02
    output: str = "logits"

    def __post_init__(self):
        refuse_below(1, "DeepFool", steps=self.steps)
        refuse_below(2, "DeepFool", classes=self.classes)
        refuse_below(0, "DeepFool", overshoot=self.overshoot)

    def nearest(self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor) -> Nearest:
        """As Unbounded has it."""
        z = victim(x, draws.fold(seeds, 0))["logits"]
        classes = min(self.classes, z.shape[-1])
        ranked = tf.cast(tf.math.top_k(z, classes).indices, label.dtype)

        def step(i, x_i, found):
            now = draws.fold(seeds, 1 + i)
            others, standing = ranked[:, 1:], tf.math.is_inf(found.distance)
            moved = self._towards(victim, x_i, label, others, draws.fold(now, 0))
            x_i = choose(standing, moved, x_i)
            # "the final perturbation vector r is multiplied by a constant 1 + eta". Whether it is
            # the final one is asked of the product: the iterate itself is on the boundary, where
            # rounding decides on which side it is.
            x_adv = self._in_range(x + (1 + self.overshoot) * (x_i - x))
            z = victim(x_adv, draws.fold(now, 1))["logits"]
            fooled = tf.argmax(z, axis=-1, output_type=label.dtype) != label
            return i + 1, x_i, found.or_nearer(self.threat, x, x_adv, fooled)

        _, _, found = tf.while_loop(
            lambda i, _, found: (i < self.steps) & tf.reduce_any(tf.math.is_inf(found.distance)),
            step,
            (0, x, Nearest.clean(x, ranked[:, 0] != label)),
            maximum_iterations=self.steps,
            parallel_iterations=1,
        )
        return tf.nest.map_structure(tf.stop_gradient, found)

    def _towards(self, victim: Victim, x_i, label, others, seeds) -> tf.Tensor:
        """The next iterate: on the nearest of the linearised boundaries."""
        boundary = nearest_boundary(victim, self.threat, x_i, label, others, seeds, self.output)
        # Without a gradient there is nowhere to go.
        length = tf.where(tf.math.is_inf(boundary.distance), 0.0, boundary.distance)
        # Algorithm 2's r_i = |f'_l| / ||w'_l||_2^2 w'_l and, in its section on p norms,
        # r_i = |f'_l| / ||w'_l||_q^q |w'_l|^(q-1) sign(w'_l).
        r_i = tf.reshape(length, (-1, 1, 1, 1)) * self.threat.steepest(boundary.w)
        return self._in_range(x_i + r_i)

    def _in_range(self, x: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(x, self.threat.low, self.threat.high)
