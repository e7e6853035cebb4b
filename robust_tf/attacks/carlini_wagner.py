"""Carlini and Wagner's L2 attack (2017, https://arxiv.org/abs/1608.04644, section VI.A): Adam on
the distance plus a constant times the margin, and a binary search for each image's constant.

    attack = CarliniWagner(Threat("L2", 0.5))
    x_adv, distance = attack.nearest(victim, x, label, seeds)

It is a value and one graph: two tf.while_loops, one within the other, whose memory does not grow
with the steps.
"""

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from robust_tf import draws, losses
from robust_tf.attacks.nearest import Nearest, Unbounded
from robust_tf.errors import InputError, refuse_below
from robust_tf.threat import Threat
from robust_tf.victim import Victim

# Share of the range that the search's start keeps within it: at its ends w would be infinite.
INSIDE = 1 - 1e-6
# Adam's, as its paper has them.
BETA_1, BETA_2, ADAM_EPSILON = 0.9, 0.999, 1e-8
# From here on, more of the margin changes nothing.
LARGEST_C = 1e10


class Constant(NamedTuple):
    """Each image's c, and the bounds of its binary search."""

    c: tf.Tensor
    lower: tf.Tensor  # the largest that found nothing
    upper: tf.Tensor  # the smallest that found something; infinite until then

    def after(self, fooled: tf.Tensor) -> "Constant":
        """What is tried next: less where c found an adversarial image, elsewhere more."""
        lower = tf.where(fooled, self.lower, self.c)
        upper = tf.where(fooled, self.c, self.upper)
        more = tf.minimum(10 * self.c, LARGEST_C)
        return Constant(tf.where(tf.math.is_inf(upper), more, (lower + upper) / 2), lower, upper)


class _Images(NamedTuple):
    """What a search is given of each image."""

    x: tf.Tensor
    label: tf.Tensor
    seeds: tf.Tensor
    c: tf.Tensor


class _Descent(NamedTuple):
    """Where Adam is: its variable and its moments, in its paper's symbols."""

    w: tf.Tensor
    m: tf.Tensor
    v: tf.Tensor


@dataclasses.dataclass(frozen=True)
class CarliniWagner(Unbounded):
    """The smallest perturbation in L2, without the public code's early end of a search.

    Attributes:
      threat: of L2.
      searches: constants tried for each image, every time from the image itself.
      steps: of Adam, for each constant.
      learning_rate: Adam's.
      c: the first constant.
      kappa: what a wrong class's logit must be ahead by.
      output: which of the victim's outputs the margin is of; "logits" say who is fooled.
    """

    threat: Threat
    searches: int = 9
    steps: int = 1000
    learning_rate: float = 0.01
    c: float = 0.001
    kappa: float = 0.0
    output: str = "logits"

    def __post_init__(self):
        if self.threat.norm != "L2":
            raise InputError(f"CarliniWagner minimises L2 alone, got --norm={self.threat.norm}.")
        refuse_below(1, "CarliniWagner", searches=self.searches, steps=self.steps)
        refuse_below(0, "CarliniWagner", kappa=self.kappa)
        for name in ("learning_rate", "c"):
            if not getattr(self, name) > 0:
                raise InputError(
                    f"CarliniWagner's {name} must be above 0, got {getattr(self, name)}."
                )

    def nearest(self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor) -> Nearest:
        """As Unbounded has it."""
        z = victim(x, draws.fold(seeds, 0))["logits"]
        clean = Nearest.clean(x, tf.argmax(z, axis=-1, output_type=label.dtype) != label)
        nothing = tf.zeros_like(clean.distance)

        def search(s, constant, found):
            images = _Images(x, label, draws.fold(seeds, 1 + s), constant.c)
            fooled, found = self._search(victim, images, found)
            return s + 1, constant.after(fooled), found

        _, _, found = tf.while_loop(
            lambda s, *_: s < self.searches,
            search,
            (0, Constant(nothing + self.c, nothing, nothing + float("inf")), clean),
            maximum_iterations=self.searches,
            parallel_iterations=1,
        )
        return tf.nest.map_structure(tf.stop_gradient, found)

    def _search(self, victim: Victim, images: _Images, found: Nearest):
        """All steps with one constant: who was fooled by any, and the nearest images so far."""
        low, high = self.threat.low, self.threat.high
        w = tf.atanh(INSIDE * ((images.x - low) / (high - low) * 2 - 1))

        def step(i, descent, fooled, found):
            seeds = draws.fold(images.seeds, i)
            x_adv, fools, gradient = self._look(victim, images, descent.w, seeds)
            found = found.or_nearer(self.threat, images.x, x_adv, fools)
            return i + 1, self._descend(descent, gradient, i + 1), fooled | fools, found

        start = _Descent(w, tf.zeros_like(w), tf.zeros_like(w))
        _, _, fooled, found = tf.while_loop(
            lambda i, *_: i < self.steps,
            step,
            (0, start, tf.zeros_like(images.label, tf.bool), found),
            maximum_iterations=self.steps,
            parallel_iterations=1,
        )
        return fooled, found

    def _look(self, victim: Victim, images: _Images, w: tf.Tensor, seeds: tf.Tensor):
        """The images of w, which of them fool, and the gradient of what is minimised."""
        low, high = self.threat.low, self.threat.high
        # The images alone are watched: the gradient of the weights is not computed.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(w)
            # x + delta = (tanh(w) + 1) / 2, over the pixel range
            x_adv = tf.clip_by_value(low + (high - low) * (tf.tanh(w) + 1) / 2, low, high)
            outputs = victim(x_adv, seeds)
            # -f(x') = min(max_{j != y} z_j - z_y, kappa)
            f = losses.OfOutput(self.output, losses.Margin(self.kappa))
            margin = tf.cast(f(outputs, images.label), w.dtype)
            squares = tf.reduce_sum(tf.square(x_adv - images.x), axis=(1, 2, 3))
            # minimise ||x_adv - x||_2^2 + c f(x_adv); a sum over images: none depends on another.
            total = tf.reduce_sum(squares - images.c * margin)
        predicted = tf.argmax(outputs["logits"], axis=-1, output_type=images.label.dtype)
        fools = (predicted != images.label) & (margin >= self.kappa)
        return x_adv, fools, tape.gradient(total, w)

    def _descend(self, descent: _Descent, g: tf.Tensor, t: tf.Tensor) -> _Descent:
        """Step t of Adam (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 1)."""
        t = tf.cast(t, g.dtype)
        m = BETA_1 * descent.m + (1 - BETA_1) * g
        v = BETA_2 * descent.v + (1 - BETA_2) * tf.square(g)
        m_hat = m / (1 - tf.pow(tf.constant(BETA_1, g.dtype), t))
        v_hat = v / (1 - tf.pow(tf.constant(BETA_2, g.dtype), t))
        w = descent.w - self.learning_rate * m_hat / (tf.sqrt(v_hat) + ADAM_EPSILON)
        return _Descent(w, m, v)
