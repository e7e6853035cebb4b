"""TRADES (Zhang et al. 2019, https://arxiv.org/abs/1901.08573), as paper 5's equation 6 states it:

    L_TRADES(F; x, y) = L(F; x, y) + lambda D_KL(p_F(.|x) || p_F(.|x_adv))

x_adv is found by PGD on the same divergence, the clean prediction held fixed. At x itself that has
no gradient, so the attack starts beside it:

    PGD(threat, loss=kl_divergence, aim=CLEAN_PREDICTION, start="gaussian")

lambda = 0 is standard training, on a network without batch norm: x_adv moves its statistics. The
public code passes x through the network once more, so that its statistics move three times.
"""

import keras
import tensorflow as tf

from robust_tf.losses import kl_divergence
from robust_tf.methods.base import Batch, Method, Values, hits


def divergence(z: tf.Tensor, z_adv: tf.Tensor) -> tf.Tensor:
    """D_KL(p || p_adv) of two logits' softmax, with gradient to both."""
    return kl_divergence({"logits": z_adv}, tf.nn.softmax(z))


class TRADES(Method):
    """Minimizes the cross-entropy of clean images and what an attack adds to their prediction.

    Args:
      network: what is trained.
      lam: lambda, what robustness weighs against accuracy.
      **options: of every method.
    """

    reports = ("accuracy", "adv_accuracy")

    def __init__(self, network: keras.Model, *, lam: float = 6.0, **options):
        super().__init__(network, **options)
        self.lam = lam

    def train_step(self, batch: Batch) -> Values:
        """One update."""

        def loss(x, label, seeds):
            x_adv = self.attack(self.victim, x, label, seeds)
            # Two forward passes, each with its own batch statistics.
            z = self.network(x, training=True)
            z_adv = self.network(x_adv, training=True)
            L = self.cross_entropy(z, label) + self.lam * divergence(z, z_adv)
            return L, {"accuracy": hits(z, label), "adv_accuracy": hits(z_adv, label)}

        return self.minimize(loss, batch)
