"""Feature smoothing (paper 4, equation 2), the training that Active Defense relies on:

    L = L_ce + max(L_F, delta)

on clean images alone. L_F is losses.feature_loss of a group's output, before the next block's batch
norm and ReLU. That batch norm leaves the scale of the features free, so that L_F can fall because
they shrink: the logs have L_F divided by the mean of |F| beside it.
"""

import tensorflow as tf

from robust_tf import networks
from robust_tf.losses import feature_loss
from robust_tf.methods.base import Batch, Method, Values, hits


class FeatureSmoothing(Method):
    """Minimizes the cross-entropy of clean images and the unevenness of one group's features.

    Args:
      network: what is trained.
      layer: the group's name.
      delta: the upper bound of smoothing.
      **options: of every method.
    """

    reports = ("accuracy", "feature_loss", "relative_feature_loss")

    def __init__(self, network, *, layer: str = "group0", delta: float = 0.02, **options):
        super().__init__(network, **options)
        self.layer = layer
        self.delta = delta
        self.tapped = networks.outputs(network, [layer])

    def train_step(self, batch: Batch) -> Values:
        """One update."""

        def loss(x, label, seeds):
            logits, values = self._outputs(x, training=True)
            L_F = values["feature_loss"]
            # "max(L_F, delta) which disables the derivative of L_F when it drops below delta."
            L = self.cross_entropy(logits, label) + tf.maximum(L_F, tf.cast(self.delta, L_F.dtype))
            return L, values | {"accuracy": hits(logits, label)}

        return self.minimize(loss, batch)

    def judge(self, x: tf.Tensor) -> tuple[tf.Tensor, Values]:
        """The logits, and the feature loss of validation."""
        return self._outputs(x, training=False)

    def _outputs(self, x, training):
        outputs = self.tapped(x, training=training)
        F = outputs[self.layer]
        L_F = feature_loss(F)
        size = tf.reduce_mean(tf.abs(tf.cast(F, L_F.dtype)), axis=(1, 2, 3))
        return outputs["logits"], {
            "feature_loss": L_F,
            "relative_feature_loss": tf.math.divide_no_nan(L_F, size),
        }
