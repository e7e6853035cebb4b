"""Robust local features for adversarial training, RLFAT (paper 5: Song et al. 2020,
https://arxiv.org/abs/1909.10147), upon PGD adversarial training (P) and upon TRADES (T):

    L_RLFL_P(F; x, y) = L(F; RBS(x_adv), y)                                              (7)
    L_RLFL_T(F; x, y) = L(F; x, y) + lambda D_KL(p_F(.|x) || p_F(.|RBS(x_adv)))          (8)
    L_RLFT(F; x, y) = |f(RBS(x_adv)) - f(x_adv)|_2^2                                     (9)
    L_RLFAT(F; x, y) = L_RLFL(F; x, y) + eta L_RLFT(F; x, y)                            (10)

f are the logits, RBS is block_shuffle.random_block_shuffle, and x_adv is made as for pgd_at (P) or
as for trades (T). The minus in the paper's line on PGD is a misprint: attacks ascend.

The public code draws one shuffle for the whole batch (per_batch=True), its blocks may be empty, and
its attack normalizes by the batch's statistics and moves the running ones. By default none of that
is done here; a victim with batch_statistics=True attacks as it does, but moves nothing.
"""

import keras
import tensorflow as tf

from robust_tf import draws
from robust_tf.methods.base import Batch, Method, Values, hits
from robust_tf.methods.block_shuffle import random_block_shuffle
from robust_tf.methods.trades import divergence

# The attack folds its seeds with 0, 1, ...: the shuffle's draws are others.
SHUFFLE = -1


class _RLFAT(Method):
    """What P and T share: equations 9 and 10; a subclass has its equation 7 or 8.

    Args:
      network: what is trained.
      eta: weight of the transfer; at 0 x_adv itself is not passed through the network, which is
        training on shuffled images alone (+RLFL in the paper's ablation).
      k: blocks on each axis.
      per_batch: whether one shuffle is drawn for the global batch instead of one for each image.
      **options: of every method.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        eta: float,
        k: int = 2,
        per_batch: bool = False,
        **options,
    ):
        super().__init__(network, **options)
        self.eta = eta
        self.k = k
        self.per_batch = per_batch

    def local_features(
        self, x: tf.Tensor, label: tf.Tensor, x_rbs: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, Values]:
        """L_RLFL, the logits of x_rbs, and what is reported."""
        raise NotImplementedError

    def train_step(self, batch: Batch) -> Values:
        """One update."""
        x, label, index = batch
        draw = self.batch_seeds if self.per_batch else self.seeds
        shuffle_seeds = draws.fold(draw(index), SHUFFLE)

        def loss(x, label, shuffle_seeds, seeds):
            x_adv = self.attack(self.victim, x, label, seeds)
            x_rbs = random_block_shuffle(x_adv, shuffle_seeds, self.k)
            L_RLFL, z_rbs, values = self.local_features(x, label, x_rbs)
            values |= {"shuffled_accuracy": hits(z_rbs, label)}
            if not self.eta:
                return L_RLFL, values
            # Each kind of image is a forward pass of its own, with its own batch statistics.
            z_adv = self.network(x_adv, training=True)
            # Summed over the classes, and with gradient into both.
            L_RLFT = tf.reduce_sum(tf.square(z_rbs - z_adv), axis=-1)
            return L_RLFL + self.eta * L_RLFT, values | {"adv_accuracy": hits(z_adv, label)}

        return self.minimize(loss, (x, label, shuffle_seeds, index))


class RLFATP(_RLFAT):
    """RLFAT upon PGD adversarial training; with eta = 0 and k = 1 it is that.

    Args:
      network: what is trained.
      eta: weight of the transfer.
      **options: of _RLFAT: k, per_batch and those of every method.
    """

    reports = ("adv_accuracy", "shuffled_accuracy")

    def __init__(self, network: keras.Model, *, eta: float = 0.5, **options):
        super().__init__(network, eta=eta, **options)

    def local_features(
        self, x: tf.Tensor, label: tf.Tensor, x_rbs: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, Values]:
        """Equation 7."""
        z_rbs = self.network(x_rbs, training=True)
        return self.cross_entropy(z_rbs, label), z_rbs, {}


class RLFATT(_RLFAT):
    """RLFAT upon TRADES; with eta = 0 and k = 1 it is that.

    Args:
      network: what is trained.
      lam: lambda, what robustness weighs against accuracy.
      eta: weight of the transfer.
      **options: of _RLFAT: k, per_batch and those of every method.
    """

    reports = ("accuracy", "adv_accuracy", "shuffled_accuracy")

    def __init__(self, network: keras.Model, *, lam: float = 6.0, eta: float = 1.0, **options):
        super().__init__(network, eta=eta, **options)
        self.lam = lam

    def local_features(
        self, x: tf.Tensor, label: tf.Tensor, x_rbs: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, Values]:
        """Equation 8."""
        z = self.network(x, training=True)
        z_rbs = self.network(x_rbs, training=True)
        L_RLFL = self.cross_entropy(z, label) + self.lam * divergence(z, z_rbs)
        return L_RLFL, z_rbs, {"accuracy": hits(z, label)}
