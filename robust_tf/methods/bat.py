"""Bilateral Adversarial Training (paper 3, ICCV 2019, https://arxiv.org/abs/1811.10716).

    min_theta [max_{x' in S_x, y' in S_y} L(x', y'; theta)]                     (10)

"We decompose it into two separate sub-problems, and optimize over x' or y' conditioned on the other
respectively": x' by the attack (R-MC: one step of size eps from a random start towards the most
confusing class of the clean image), y' in closed form. Where beta is infinite, or the labels are
one_hot, it is PGD adversarial training.
"""

import math

import keras
import tensorflow as tf

from robust_tf.errors import InputError, unknown
from robust_tf.methods.adversarial_labels import adversarial_labels, smoothed_labels
from robust_tf.methods.base import Batch, Method, Values, hits

LABELS = ("adversarial", "smooth", "one_hot")


class BilateralAdversarialTraining(Method):
    """Minimizes the cross-entropy of adversarial images with perturbed labels.

    Args:
      network: what is trained.
      beta: the multiplier: how many times the largest other class's share the true class keeps.
      gamma: what equation 14 adds to each v_k - v_MC, so that the most confusing class gets some.
      labels: adversarial (LA), smooth (LS, of the same beta) or one_hot.
      **options: of every method.
    """

    # label_budget is eps_y, what is taken from the true class.
    reports = ("adv_accuracy", "label_budget")

    def __init__(
        self,
        network: keras.Model,
        *,
        beta: float = 9.0,
        gamma: float = 0.01,
        labels: str = "adversarial",
        **options,
    ):
        super().__init__(network, **options)
        if not beta >= 1:
            raise InputError(f"--bat_beta={beta} must be at least 1, the true class to lead.")
        if not 0 < gamma < math.inf:
            raise InputError(f"--bat_gamma={gamma} must be a number above 0.")
        if labels not in LABELS:
            raise unknown("--bat_labels", labels, LABELS)
        self.beta = beta
        self.gamma = gamma
        # "As a special case, beta = infinity corresponds to the original one-hot label."
        self.labels = "one_hot" if math.isinf(beta) else labels

    def train_step(self, batch: Batch) -> Values:
        """One update."""

        def loss(x, label, seeds):
            # Equations 3, 4, 22 and 24, against the network in inference mode.
            x_adv = self.attack(self.victim, x, label, seeds)
            # Before the forward pass of training, which moves batch norm's statistics.
            y_adv = self._perturbed(x, label, seeds)
            # "The training batch only contains adversarially perturbed images."
            logits = self.network(x_adv, training=True)
            values = {"adv_accuracy": hits(logits, label)}
            if y_adv is None:
                return self.cross_entropy(logits, label), values
            values["label_budget"] = 1 - tf.gather(y_adv, label, batch_dims=1)
            return self.soft_cross_entropy(logits, y_adv), values

        return self.minimize(loss, batch)

    def _perturbed(self, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor | None:
        """The labels y', which no gradient goes through; None where they are the images' own."""
        if self.labels == "one_hot":
            return None
        if self.labels == "smooth":
            logits = self.network.output
            return smoothed_labels(label, logits.shape[-1], self.beta, logits.dtype)
        # Equation 13, of the clean image in inference mode.
        v = -tf.nn.log_softmax(tf.stop_gradient(self.val_victim(x, seeds)["logits"]))
        return adversarial_labels(v, label, self.beta, self.gamma)
