"""Standard training: cross-entropy on clean images, what every robust method is compared with."""

from robust_tf.methods.base import Batch, Method, Values, hits


class Standard(Method):
    """Minimizes the cross-entropy of clean images."""

    reports = ("accuracy",)

    def train_step(self, batch: Batch) -> Values:
        """One update."""

        def loss(x, label, seeds):
            logits = self.network(x, training=True)
            return self.cross_entropy(logits, label), {"accuracy": hits(logits, label)}

        return self.minimize(loss, batch)
