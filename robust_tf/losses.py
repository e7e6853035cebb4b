"""Losses per image: functions of a victim's outputs and of a goal, used by attacks and by training.

A goal is a label (shape (batch,)), for `kl_divergence` a distribution (shape (batch, classes)) and
for `targeted_margin` and `targeted_dlr` a label with its target (shape (batch, 2)).
An attack ascends them; a targeted one descends. Every value is at least float32.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from robust_tf.errors import InputError

Outputs = dict[str, tf.Tensor]
Loss = Callable[[Outputs, tf.Tensor], tf.Tensor]


def _logits(outputs: Outputs) -> tf.Tensor:
    logits = outputs["logits"]
    return logits if logits.dtype == tf.float64 else tf.cast(logits, tf.float32)


def _label_and_others(z: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """z_label, and z with that of the label out of the way."""
    is_label = tf.one_hot(label, z.shape[-1], on_value=True, off_value=False)
    z_label = tf.reduce_max(tf.where(is_label, z, tf.constant(-float("inf"), z.dtype)), axis=-1)
    return z_label, tf.where(is_label, tf.constant(-float("inf"), z.dtype), z)


def cross_entropy(outputs: Outputs, label: tf.Tensor) -> tf.Tensor:
    """-log p_label = log(1 + sum_{j != label} exp(z_j - z_label)).

    In this form the gradient of a confident network stays exact. TensorFlow's own has p_label - 1
    in it, which float32 rounds to 0 from 16 nats on: an attack then loses the label's direction.
    """
    z_label, z_others = _label_and_others(_logits(outputs), label)
    return tf.math.softplus(tf.reduce_logsumexp(z_others - z_label[:, None], axis=-1))


def soft_cross_entropy(outputs: Outputs, y: tf.Tensor) -> tf.Tensor:
    """-sum_k y_k log p_k, y being a distribution of shape (batch, classes)."""
    log_p = tf.nn.log_softmax(_logits(outputs))
    return -tf.reduce_sum(tf.cast(y, log_p.dtype) * log_p, axis=-1)


@dataclasses.dataclass(frozen=True)
class Margin:
    """Carlini and Wagner's loss: m = max_{j != label} z_j - z_label, until m is kappa.

    Attributes:
      kappa: confidence from which on more does not count.
      targeted: it is descended, and m does not count below -kappa.
    """

    kappa: float = 50.0
    targeted: bool = False

    def __call__(self, outputs: Outputs, label: tf.Tensor) -> tf.Tensor:
        """Each image's value."""
        z_label, z_others = _label_and_others(_logits(outputs), label)
        m = tf.reduce_max(z_others, axis=-1) - z_label
        kappa = tf.cast(self.kappa, m.dtype)
        return tf.maximum(m, -kappa) if self.targeted else tf.minimum(m, kappa)


def _largest(z: tf.Tensor, count: int, loss: str) -> list[tf.Tensor]:
    """z_pi1, z_pi2, ...: each image's `count` largest logits."""
    if z.shape[-1] < count:
        raise InputError(f"The {loss} loss needs at least {count} classes, got {z.shape[-1]}.")
    return tf.unstack(tf.math.top_k(z, count).values, axis=-1)


def dlr(outputs: Outputs, label: tf.Tensor) -> tf.Tensor:
    """(max_{j != y} z_j - z_y) / (z_pi1 - z_pi3), y being the label.

    The difference of logits ratio of Croce and Hein 2020 (https://arxiv.org/abs/2003.01690),
    equation 6: the same for a logits + b, so that no scale of the logits hides the gradient.
    """
    z = _logits(outputs)
    z_y, z_others = _label_and_others(z, label)
    z_pi1, _, z_pi3 = _largest(z, 3, "DLR")
    return (tf.reduce_max(z_others, axis=-1) - z_y) / (z_pi1 - z_pi3 + 1e-12)


def targeted_margin(outputs: Outputs, goal: tf.Tensor) -> tf.Tensor:
    """z_t - z_y, which is ascended: the margin of one wrong class, and without an end.

    Args:
      outputs: the victim's.
      goal: the label y and the target t of each image, shape (batch, 2).
    """
    z = _logits(outputs)
    y, t = tf.unstack(goal, axis=-1)
    return _label_and_others(z, t)[0] - _label_and_others(z, y)[0]


def targeted_dlr(outputs: Outputs, goal: tf.Tensor) -> tf.Tensor:
    """(z_t - z_y) / (z_pi1 - (z_pi3 + z_pi4) / 2), equation 7 of the same paper: ascended as well.

    Args:
      outputs: the victim's.
      goal: the label y and the target t of each image, shape (batch, 2).
    """
    z_pi1, _, z_pi3, z_pi4 = _largest(_logits(outputs), 4, "targeted DLR")
    return targeted_margin(outputs, goal) / (z_pi1 - (z_pi3 + z_pi4) / 2 + 1e-12)


def kl_divergence(outputs: Outputs, p: tf.Tensor) -> tf.Tensor:
    """KL(p || q) = sum_j p_j (log p_j - log q_j), q being the outputs' softmax."""
    log_q = tf.nn.log_softmax(_logits(outputs))
    p = tf.cast(p, log_q.dtype)
    # 0 log 0 = 0: xlogy, and not a clipped logarithm.
    return tf.reduce_sum(tf.math.xlogy(p, p) - p * log_q, axis=-1)


@dataclasses.dataclass(frozen=True)
class OfOutput:
    """A loss of another of the victim's outputs than its logits, as of before_squeeze.

    A Tanh flattens the loss where a network is sure: an attack on the logits alone flatters it.
    """

    output: str
    loss: Loss

    def __call__(self, outputs: Outputs, goal: tf.Tensor) -> tf.Tensor:
        """Each image's value."""
        return self.loss({**outputs, "logits": outputs[self.output]}, goal)

    def __str__(self) -> str:
        return f"{getattr(self.loss, '__name__', self.loss)} of {self.output}"


@dataclasses.dataclass(frozen=True)
class WithShift:
    """Cross-entropy, and how far the victim's restored image is from the one it was given.

    A network that restores its images first is led where its restoration goes wrong.

    Attributes:
      weight: lambda, of the shift's mean squared error of a pixel.
    """

    weight: float

    def __call__(self, outputs: Outputs, label: tf.Tensor) -> tf.Tensor:
        """Each image's value."""
        shift = tf.cast(outputs["restored"], tf.float32) - outputs["images"]
        mean_square = tf.reduce_mean(tf.square(shift), axis=(1, 2, 3))
        return cross_entropy(outputs, label) + self.weight * mean_square


@dataclasses.dataclass(frozen=True)
class WithFeatureLoss:
    """L = L_ce + lambda max(L_F, delta), paper 4's equation 4: an attack that knows of the defence.

    Attributes:
      weight: lambda; above zero the features are led away from what the defence smooths, below zero
        to where it has little to do.
    """

    weight: float

    def __call__(self, outputs: Outputs, label: tf.Tensor) -> tf.Tensor:
        """Each image's value."""
        floored = tf.cast(outputs["floored_feature_loss"], tf.float32)
        return cross_entropy(outputs, label) + self.weight * floored


def unevenness(outputs: Outputs, label: tf.Tensor) -> tf.Tensor:
    """L_F, whatever the label: what a defence that smooths features has to work off."""
    del label
    return tf.cast(outputs["feature_loss"], tf.float32)


def feature_loss(features: tf.Tensor) -> tf.Tensor:
    """L_F = 1 / (W H C) sum_ijk |F_ijk - mean(F)|, paper 4's equation 3, with each image's mean."""
    F = features if features.dtype == tf.float64 else tf.cast(features, tf.float32)
    m = tf.reduce_mean(F, axis=(1, 2, 3), keepdims=True)
    return tf.reduce_mean(tf.abs(F - m), axis=(1, 2, 3))


def by_name(name: str, kappa: float, targeted: bool) -> Loss:
    """The loss of a flag's name: ce, margin (with kappa, ascended or descended) or kl."""
    return {"ce": cross_entropy, "margin": Margin(kappa, targeted), "kl": kl_divergence}[name]
