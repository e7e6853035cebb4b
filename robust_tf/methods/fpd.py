"""The two-phase training of the Feature Pyramid Decoder (paper 2: Li et al., CVPR 2020), whose
algorithm 1 is `train_step`; the network is one of networks.build with fpd=FPD("full") or "fd_r".

l2 is the mean squared error of a pixel over the global batch: T is compared with that of all
workers and of all accumulated parts. A batch is one step of the schedule, of the random draws and
of Adam's bias correction, whether it makes one update or two; averaged weights (--ema) decay with
each update.

Batch norm has one set of statistics for both passes. In training each pass is normalized by its own
batch; the moving averages see noisy and restored images in turn, so that inference normalizes both
passes by their mixture. On MNIST at 32 pixels that costs 3.6 points (92.6 % of clean images, 96.2 %
by the batch's statistics), 1.1 after training on attacked images (results/README.md). A batch of
phase one moves those of the front, which are also the back's, and no others.

The public T = 3 is more than images in [0, 1] can be apart: its first phase never acts. A new
network restores a grey, with l2 from 0.08 (CIFAR-10) to 0.3 (MNIST); SVHN's flat images may want a
smaller T than 0.05. That acts until a network does better than grey: on digits (wrn-10-1, noise
0.2, Adam 1e-3) in 11 of the first epoch's 25 batches and in none after them. With 0.02 phase one is
five batches of six for six epochs, as each update of the classifier lifts l2 above T again.
"""

import contextlib
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from robust_tf import distribute, draws, networks
from robust_tf.errors import InputError
from robust_tf.methods.base import Batch, Method, Values, hits
from robust_tf.methods.parts import map_parts
from robust_tf.networks.fpd import restorer


def squared_error(restored: tf.Tensor, x_clean: tf.Tensor) -> tf.Tensor:
    """L2: each image's mean squared error of a pixel."""
    return tf.reduce_mean(tf.square(restored - tf.cast(x_clean, restored.dtype)), axis=(1, 2, 3))


class FPDTraining(Method):
    """Restores images first; where it can, it classifies them, as they come and as restored.

    Args:
      network: what is trained; its layer "restored" holds the restored image.
      epsilon: the largest noise of a pixel.
      attacked: whether the adversarial image, of the true label, takes the noisy one's place.
      alpha1: weight of the cross-entropy.
      alpha2: weight of the restoration.
      T: the restoration error above which a batch trains front and restoration alone.
      phases: 2, or 1 for the one-phase training of the paper's ablation.
      **options: of every method.
    """

    # restoration is l2 of the first forward pass, phase_one the share of batches above T.
    reports = ("accuracy", "restoration", "phase_one")

    def __init__(
        self,
        network: keras.Model,
        *,
        epsilon: float,
        attacked: bool = False,
        alpha1: float = 1.0,
        alpha2: float = 1.0,
        T: float = 0.05,
        phases: int = 2,
        **options,
    ):
        super().__init__(network, **options)
        if not epsilon >= 0:
            raise InputError(f"--fpd_noise={epsilon} must be a number that is not negative.")
        if phases not in (1, 2):
            raise InputError(f"--fpd_phases={phases} is unknown; expected 1 or 2.")
        self.epsilon = epsilon
        self.attacked = attacked
        self.alpha1, self.alpha2 = alpha1, alpha2
        self.T = T
        self.phases = phases
        self.tapped = networks.outputs(network, ["restored"])
        self.restorer = restorer(network)

    def train_step(self, batch: Batch) -> Values:
        """Lines 3 to 18 of algorithm 1: one update where l2 > T, else one or two."""
        x_clean, label, index = batch
        # 3 to 6: x_noisy := x_clean + noise
        x_noisy = map_parts(self._noisy, self.accumulate, x_clean, label, self.seeds(index))
        # 7: x_restored := FPD(x_noisy)
        x_restored = map_parts(self._restored, self.accumulate, x_noisy)
        # 8: l2 := L2(x_clean, x_restored), of all workers
        l2 = tf.reduce_mean(squared_error(x_restored, x_clean))
        l2 = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, l2)
        # 9: if l2 > T. No optimizer can be called in a tf.cond: every update is made, and what the
        # branch has not asked for is undone.
        phase_one = l2 > self.T
        alpha1 = tf.where(phase_one, 0.0, self.alpha1)

        def loss(x, x_clean, label, seeds):
            outputs = self.tapped(x, training=True)
            # 12 and 16: l1 := CE(y, y_predicted)
            l1 = self.cross_entropy(outputs["logits"], label)
            l2 = squared_error(outputs["restored"], x_clean)
            values = {"accuracy": hits(outputs["logits"], label), "restoration": l2}
            values["phase_one"] = tf.fill(tf.shape(label), tf.cast(phase_one, tf.float32))
            return tf.cast(alpha1, l1.dtype) * l1 + self.alpha2 * l2, values

        # 10: opt(front and restoration, alpha2 l2); 13: opt(FPD, alpha1 l1 + alpha2 l2)
        with _undone(self._outside_restoration(), phase_one):
            results = self.minimize(loss, (x_noisy, x_clean, label, index))
        if self.phases == 2:
            # 14 to 17: opt(FPD, alpha1 l1 + alpha2 l2) with FPD(x_restored), whose numbers are not
            # logged: those of the first update are there for every batch.
            means = [variable for mean in self.metrics for variable in mean.variables]
            everything = [*self.network.variables, *self.optimizer.variables]
            with _undone(everything, phase_one), _undone(means, True):
                self.optimizer.iterations.assign_sub(1)
                self.minimize(loss, (x_restored, x_clean, label, index))
        return results

    def judge(self, x: tf.Tensor) -> tuple[tf.Tensor, Values]:
        """The logits, and the restoration error of clean images."""
        outputs = self.tapped(x, training=False)
        return outputs["logits"], {"restoration": squared_error(outputs["restored"], x)}

    def _noisy(self, x_clean: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """x_clean with uniform noise in [-epsilon, epsilon], not clipped; or the attacked image."""
        if self.attacked:
            return self.attack(self.victim, x_clean, label, seeds)
        bounds = {"minval": -self.epsilon, "maxval": self.epsilon}
        shape = tuple(x_clean.shape[1:])
        return x_clean + draws.per_image(tf.random.stateless_uniform, seeds, shape, **bounds)

    def _restored(self, x_noisy: tf.Tensor) -> tf.Tensor:
        """The restored images as the update will see them: normalized by the batch."""
        # The moving statistics stay as they are: what they become is thrown away.
        x_restored, _ = self.restorer.stateless_call(
            [v.value for v in self.restorer.trainable_variables],
            [v.value for v in self.restorer.non_trainable_variables],
            x_noisy,
            training=True,
        )
        return tf.cast(x_restored, x_noisy.dtype)

    def _outside_restoration(self) -> list[keras.Variable]:
        """What an update of front and restoration leaves alone, with the optimizer's part of it."""
        inside = {id(v) for v in self.restorer.variables}
        outside = [v for v in self.network.variables if id(v) not in inside]
        # Keras calls an optimizer's variable path_of_the_weight_SLOT.
        paths = {v.path.replace("/", "_") for v in outside}
        slots = [v for v in self.optimizer.variables if v.name.rpartition("_")[0] in paths]
        return outside + slots


@contextlib.contextmanager
def _undone(variables: Sequence[keras.Variable], where: tf.Tensor | bool) -> Iterator[None]:
    """Puts the values of before back, to the bit, at the end of the block if `where` is true."""
    copies = [v.value for v in variables]
    before = [tf.identity(copy) for copy in copies]
    yield
    after = [tf.where(where, old, copy) for old, copy in zip(before, copies, strict=True)]
    distribute.assign(copies, after)
