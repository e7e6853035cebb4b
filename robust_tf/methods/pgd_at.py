"""PGD adversarial training (Madry et al. 2018, https://arxiv.org/abs/1706.06083), equation 2.1:

    min_theta E_(x, y) max_(|delta| <= epsilon) L(theta, x + delta, y)

Paper 1: "we train our networks exclusively on adversarial images generated using the projected
gradient descent (PGD) attack". With an attack of 0 steps, or epsilon 0, it is standard training.
"""

from robust_tf.methods.base import Batch, Method, Values, hits


class PGDAdversarialTraining(Method):
    """Minimizes the cross-entropy of adversarial images alone."""

    reports = ("adv_accuracy",)

    def train_step(self, batch: Batch) -> Values:
        """One update."""

        def loss(x, label, seeds):
            # The inner maximum, against the network in inference mode.
            x_adv = self.attack(self.victim, x, label, seeds)
            # The outer minimum, whose forward pass moves batch norm's statistics.
            logits = self.network(x_adv, training=True)
            return self.cross_entropy(logits, label), {"adv_accuracy": hits(logits, label)}

        return self.minimize(loss, batch)
