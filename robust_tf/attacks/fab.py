"""FAB, the fast adaptive boundary attack (Croce and Hein 2020, https://arxiv.org/abs/1907.02044):
walks along the decision boundary to its nearest point.

    attack = FAB(Threat("Linf", 8 / 255))                  # FAB-T, its targeted form
    attack = FAB(Threat("Linf", 8 / 255), targets=0)       # towards any class
    x_adv = attack(victim, x, label, seeds)

It looks for the smallest perturbation and asks for epsilon only afterwards. It is a value and one
graph: tf.while_loops whose memory does not grow with the steps.
"""

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from robust_tf import draws
from robust_tf.attacks.choosing import choose
from robust_tf.attacks.fab_projections import onto_hyperplane
from robust_tf.attacks.jacobian import nearest_boundary
from robust_tf.attacks.nearest import Nearest
from robust_tf.errors import refuse_below
from robust_tf.leaving import only, written
from robust_tf.threat import Threat
from robust_tf.victim import Victim

# Steps between two looks at which images are done.
LEG = 10


class Problem(NamedTuple):
    """The images of a run, with the classes that each is led to and the seeds of its draws."""

    x: tf.Tensor
    label: tf.Tensor
    classes: tf.Tensor
    seeds: tf.Tensor


@dataclasses.dataclass(frozen=True)
class FAB:
    """Algorithm 1, towards one class after the other or any of them, without its final search.

    Attributes:
      threat: its norm is what is minimised, its epsilon what a distance is then compared to.
      steps: of each run.
      targets: classes led to, a run for each: the wrong ones of highest clean logit, or all if
        there are fewer. 0 is one run, whose steps look at all classes and go to the nearest.
      restarts: of each run, of which the first starts from the image itself.
      alpha_max: largest share of the step that is taken from the original image.
      eta: factor by which a step goes over the linearised boundary.
      beta: share of its perturbation that an adversarial iterate keeps for the next step.
      judge: the attacked network also judges, so images fooled within epsilon leave the batch.
      output: which of the victim's outputs has the boundary that is linearised, as before_squeeze;
        who is fooled is always a matter of the logits.
    """

    threat: Threat
    steps: int = 100
    targets: int = 9
    restarts: int = 1
    alpha_max: float = 0.1
    eta: float = 1.05
    beta: float = 0.9
    judge: bool = False
    output: str = "logits"

    def __post_init__(self):
        refuse_below(1, "FAB", steps=self.steps, restarts=self.restarts)
        refuse_below(0, "FAB", targets=self.targets)

    def __call__(
        self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor
    ) -> tf.Tensor:
        """The nearest adversarial images where they are within epsilon, elsewhere the images."""
        found = self.nearest(victim, x, label, seeds)
        return choose(found.distance <= self.threat.epsilon, found.x_adv, x)

    def nearest(self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor) -> Nearest:
        """The nearest adversarial images at whatever distance, and that distance.

        It is 0 where the image itself is misclassified, infinite where no other was found. With
        judge, an image's search ends soon after it found one within epsilon.
        """
        z = victim(x, draws.fold(seeds, 0))["logits"]
        others = z.shape[-1] - 1
        led_to = min(self.targets or others, others)
        ranked = tf.cast(tf.math.top_k(z, led_to + 1).indices, label.dtype)
        none = Nearest.clean(x, ranked[:, 0] != label)

        def run(r, found):
            classes = ranked[:, 1:]
            if self.targets:
                classes = tf.gather(classes, r // self.restarts, axis=1)[:, None]
            problem = Problem(x, label, classes, draws.fold(seeds, 1 + r))
            return r + 1, self._run(victim, problem, r % self.restarts > 0, found)

        runs = self.restarts * (led_to if self.targets else 1)
        _, found = tf.while_loop(
            lambda r, _: r < runs, run, (0, none), maximum_iterations=runs, parallel_iterations=1
        )
        return tf.nest.map_structure(tf.stop_gradient, found)

    def _run(self, victim: Victim, problem: Problem, restart: tf.Tensor, found: Nearest):
        """All steps towards one class, or any."""
        x_i = problem.x
        if self.restarts > 1:
            x_i = tf.where(restart, self._start(problem, found), x_i)
        if not self.judge:
            return self._walk(victim, problem, 0, self.steps, x_i, found)[1]

        def standing(found):
            return found.distance > self.threat.epsilon

        def leg(i, x_i, found):
            rest, end = standing(found), tf.minimum(i + LEG, self.steps)
            walked = self._walk(
                victim, only(problem, rest), i, end, only(x_i, rest), only(found, rest)
            )
            return end, *written((x_i, found), tf.where(rest)[:, 0], walked)

        return tf.while_loop(
            lambda i, _, found: (i < self.steps) & tf.reduce_any(standing(found)),
            leg,
            (0, x_i, found),
            parallel_iterations=1,
        )[2]

    def _start(self, problem: Problem, found: Nearest) -> tf.Tensor:
        """A draw within half the distance to beat, or half of epsilon where that is less."""
        radius = tf.minimum(found.distance, self.threat.epsilon) / 2
        ball = dataclasses.replace(self.threat, epsilon=tf.reshape(radius, (-1, 1, 1, 1)))
        return ball.start("uniform", problem.x, draws.fold(problem.seeds, 0))

    def _walk(self, victim: Victim, problem: Problem, i, end, x_i: tf.Tensor, found: Nearest):
        """Steps i to end: the iterate there, and the nearest adversarial images."""
        x, label = problem.x, problem.label

        def step(i, x_i, found):
            seeds = draws.fold(problem.seeds, 1 + i)
            # Equation 7: of the linearised boundaries at x_i, the nearest in the dual norm.
            _, f, w = nearest_boundary(
                *(victim, self.threat, x_i, label, problem.classes),
                *(draws.fold(seeds, 0), self.output),
            )
            x_i = self._towards(x, x_i, f, w)
            z = victim(x_i, draws.fold(seeds, 1))["logits"]
            fooled = tf.argmax(z, axis=-1, output_type=label.dtype) != label
            found = found.or_nearer(self.threat, x, x_i, fooled)
            # The backward step: x_i = (1 - beta) x + beta x_i.
            x_back = x + self.beta * (x_i - x)
            return i + 1, choose(fooled, x_back, x_i), found

        _, x_i, found = tf.while_loop(
            lambda i, *_: i < end, step, (i, x_i, found), parallel_iterations=1
        )
        return x_i, found

    def _towards(self, x: tf.Tensor, x_i: tf.Tensor, f: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        """The biased step: over the hyperplane f + <w, y - x_i> = 0, from x_i and from x."""
        shape = tf.shape(x)
        x_i, x, w = (tf.reshape(t, (shape[0], -1)) for t in (x_i, x, w))
        gap = tf.stack([-f, tf.reduce_sum(w * (x_i - x), axis=1) - f])
        d = onto_hyperplane(self.threat, tf.stack([x_i, x]), w, gap)
        order = float("inf") if self.threat.norm == "Linf" else 2
        length = tf.norm(d, ord=order, axis=-1, keepdims=True)
        (d_i, d_0), (length_i, length_0) = tf.unstack(d), tf.unstack(length)
        # a = min(|d_i| / (|d_i| + |d_0|), alpha_max)
        a = tf.math.divide_no_nan(length_i, length_i + length_0)
        a = tf.minimum(a, self.alpha_max)
        moved = (1 - a) * (x_i + self.eta * d_i) + a * (x + self.eta * d_0)
        return tf.reshape(tf.clip_by_value(moved, self.threat.low, self.threat.high), shape)
