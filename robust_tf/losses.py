"""Losses per image: functions of a victim's outputs and of a goal, used by attacks and by training.

A goal is a label (shape (batch,)) or, for `kl_divergence`, a distribution (shape (batch, classes)).
An attack ascends them; a targeted one descends. Every value is at least float32.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

Outputs = dict[str, tf.Tensor]
Loss = Callable[[Outputs, tf.Tensor], tf.Tensor]


def _logits(outputs: Outputs) -> tf.Tensor:
    logits = outputs["logits"]
    return logits if logits.dtype == tf.float64 else tf.cast(logits, tf.float32)


def cross_entropy(outputs: Outputs, label: tf.Tensor) -> tf.Tensor:
    """-log p_label."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(label, _logits(outputs))


@dataclasses.dataclass(frozen=True)
class Margin:
    """Carlini and Wagner's loss: min(max_{j != label} z_j - z_label, kappa)."""

    kappa: float = 50.0

    def __call__(self, outputs: Outputs, label: tf.Tensor) -> tf.Tensor:
        """Each image's value."""
        z = _logits(outputs)
        is_label = tf.one_hot(label, z.shape[-1], on_value=True, off_value=False)
        z_label = tf.reduce_max(tf.where(is_label, z, z.dtype.min), axis=-1)
        z_other = tf.reduce_max(tf.where(is_label, z.dtype.min, z), axis=-1)
        return tf.minimum(z_other - z_label, tf.cast(self.kappa, z.dtype))


def kl_divergence(outputs: Outputs, p: tf.Tensor) -> tf.Tensor:
    """KL(p || q) = sum_j p_j (log p_j - log q_j), q being the outputs' softmax."""
    log_q = tf.nn.log_softmax(_logits(outputs))
    p = tf.cast(p, log_q.dtype)
    # 0 log 0 = 0: xlogy, and not a clipped logarithm.
    return tf.reduce_sum(tf.math.xlogy(p, p) - p * log_q, axis=-1)


def by_name(name: str, kappa: float) -> Loss:
    """The loss of a flag's name: ce, margin (with kappa) or kl."""
    return {"ce": cross_entropy, "margin": Margin(kappa), "kl": kl_divergence}[name]
