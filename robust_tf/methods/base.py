"""What all methods share: micro-batches, the update, metrics, robust validation, many workers.

A method is a subclass whose `train_step` hands `minimize` its loss:

    class Standard(Method):
        def train_step(self, batch):
            def loss(x, label, seeds):
                logits = self.network(x, training=True)
                return self.cross_entropy(logits, label), {"accuracy": hits(logits, label)}

            return self.minimize(loss, batch)
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from robust_tf import draws
from robust_tf.attacks import PGD
from robust_tf.losses import cross_entropy, soft_cross_entropy
from robust_tf.methods.parts import check_parts, sum_parts
from robust_tf.methods.statistics import OwnStatistics
from robust_tf.methods.unfinished import Unfinished
from robust_tf.victim import Victim, network_victim

# float16 has no number for small gradients; a power of two changes no bit of other precisions.
# It is static, as in paper 1's code: Keras' dynamic scale looks at one replica's gradients alone.
LOSS_SCALE = 1024.0

Batch = tuple[tf.Tensor, ...]
Values = dict[str, tf.Tensor]
MethodLoss = Callable[..., tuple[tf.Tensor, Values]]


def hits(logits: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    """1 for each image that is classified correctly, else 0."""
    return tf.cast(tf.argmax(logits, axis=-1, output_type=label.dtype) == label, tf.float32)


class Method(keras.Model):
    """A way of training a network.

    Args:
      network: maps images to logits; what is trained, saved and served.
      attack: makes the training's adversarial images.
      victim: what that attack faces; the network in inference mode unless given.
      val_attack: makes validation's adversarial images.
      seed: of all random draws, with the number of updates and the image's index.
      accumulate: micro-batches of which one update is made.
      weight_decay: wd in the penalty wd / 2 * sum of squares of all kernels.
      label_smoothing: a in the training loss' labels (1 - a) y + a / classes; attacks see none.
      block: images of so many consecutive indices share what an attack draws for a block; None is
        one block for all.
    """

    # Names of the values that this method's loss reports.
    reports: tuple[str, ...] = ()

    def __init__(
        self,
        network: keras.Model,
        *,
        attack: PGD | None = None,
        victim: Victim | None = None,
        val_attack: PGD | None = None,
        seed: int = 0,
        accumulate: int = 1,
        weight_decay: float = 0.0,
        label_smoothing: float = 0.0,
        block: int | None = None,
    ):
        super().__init__(name="method")
        self.network = network
        self.attack = attack
        self.val_victim = network_victim(network)
        self.victim = victim or self.val_victim
        self.val_attack = val_attack
        self.seed = seed
        self.accumulate = accumulate
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.block = block
        names = {"loss", "accuracy", "adv_accuracy", *self.reports}
        self._means = {name: keras.metrics.Mean(name=name) for name in sorted(names)}
        self.built = True

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The network's logits."""
        return self.network(x, training=training)

    def compile(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Takes the optimizer, and builds its variables before any worker traces a graph."""
        # Collectives cannot be compiled by XLA on CPUs; the attack alone is compiled, on GPUs.
        super().compile(optimizer=optimizer, jit_compile=False)
        self.optimizer.build(self.trainable_variables)
        if self.optimizer.use_ema:
            # Keras' averages begin at 0, and take the weights' values at the first update only.
            averages = self.optimizer._model_variables_moving_average
            for average, variable in zip(averages, self.trainable_variables, strict=True):
                average.assign(variable)
        self._statistics = OwnStatistics(self.network, self.distribute_strategy)
        self.unfinished = Unfinished(self, self._means, self._statistics)

    def share_statistics(self) -> None:
        """Gives all replicas the mean of their batch norm's moving statistics.

        Without synchronized batch norm each replica moves its own, and no network that one of them
        saves would be the one that all of them validate.
        """
        self._statistics.share()

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """What fit resets at the start of each epoch."""
        return list(self._means.values())

    def get_metrics_result(self) -> dict[str, float]:
        """The means that this epoch or validation filled, over all replicas."""
        filled = [(name, mean) for name, mean in self._means.items() if mean.count.numpy()]
        return {name: float(mean.result()) for name, mean in filled}

    def cross_entropy(self, logits: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        """Each image's training loss for its label, smoothed where that was asked for."""
        if not self.label_smoothing:
            return cross_entropy({"logits": logits}, label)
        y = tf.one_hot(label, logits.shape[-1], dtype=logits.dtype)
        return self.soft_cross_entropy(logits, y)

    def soft_cross_entropy(self, logits: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """Each image's training loss for a distribution over the classes, smoothed likewise."""
        a = self.label_smoothing
        return soft_cross_entropy({"logits": logits}, (1 - a) * y + a / y.shape[-1])

    def seeds(self, index: tf.Tensor) -> tf.Tensor:
        """One seed pair an image, for this update."""
        return draws.image_seeds(self.seed, self.optimizer.iterations.value, index, self.block)

    def batch_seeds(self, index: tf.Tensor) -> tf.Tensor:
        """The same seed pair for every image of the global batch, for this update."""
        return self.seeds(tf.zeros_like(index))

    def minimize(self, loss: MethodLoss, batch: Batch) -> Values:
        """One update of the weights from one batch, in `accumulate` equal parts.

        Args:
          loss: maps a part to each image's loss and to the values, one an image, that this method
            reports; its arguments are those of the batch, but seeds in place of the indices.
          batch: (images, labels, indices), or any tensors followed by the images' indices.
        """
        size = check_parts(batch[0].shape[0], self.accumulate)
        gradients, values = sum_parts(lambda part: self._part(loss, batch, part), self.accumulate)
        self.optimizer.apply(gradients, self.trainable_variables)
        for name, value in values.items():
            self._means[name].update_state(value / size, sample_weight=size)
        return self._results(values)

    def _part(self, loss: MethodLoss, batch: Batch, part: tf.Tensor | int):
        """The gradients of one micro-batch's share of the loss, and its reported values' sums."""
        size = batch[0].shape[0] // self.accumulate
        *tensors, index = (t[part * size : (part + 1) * size] for t in batch)
        # The replicas' gradients are summed, so each takes its share of the global mean.
        shares = self.accumulate * tf.distribute.get_strategy().num_replicas_in_sync
        with tf.GradientTape() as tape:
            losses, values = loss(*tensors, self.seeds(index))
            objective = (tf.reduce_mean(losses) + self._penalty(losses.dtype)) / shares
            scaled = objective * LOSS_SCALE
        gradients = tape.gradient(scaled, [v.value for v in self.trainable_variables])
        gradients = [g / LOSS_SCALE for g in gradients]
        values = {"loss": losses, **values}
        sums = {name: tf.reduce_sum(tf.cast(v, tf.float32)) for name, v in values.items()}
        return gradients, sums

    def _penalty(self, dtype: tf.DType) -> tf.Tensor:
        """wd / 2 * |w|^2 over kernels, whatever has two axes or more: not biases, not norms."""
        if not self.weight_decay:
            return tf.constant(0.0, dtype)
        kernels = [v.value for v in self.trainable_variables if len(v.shape) > 1]
        squares = tf.add_n([tf.cast(tf.nn.l2_loss(k), dtype) for k in kernels])
        return self.weight_decay * squares

    def test_step(self, batch: Batch) -> Values:
        """Clean accuracy, and accuracy under `val_attack`; images with index -1 are padding."""
        x, label, index = batch
        real = tf.cast(index >= 0, tf.float32)
        logits, values = self.judge(x)
        values |= {"loss": cross_entropy({"logits": logits}, label)}
        values |= {"accuracy": hits(logits, label)}
        if self.val_attack is not None:
            x_adv = self.attacked_for_validation(*batch)
            values["adv_accuracy"] = hits(self.network(x_adv, training=False), label)
        for name, value in values.items():
            self._means[name].update_state(value, sample_weight=real)
        return self._results(values)

    def judge(self, x: tf.Tensor) -> tuple[tf.Tensor, Values]:
        """The logits in inference mode, and what else of each image a validation reports."""
        return self.network(x, training=False), {}

    def attacked_for_validation(self, x, label, index) -> tf.Tensor:
        """The images as `val_attack` makes them: with the same draws in each epoch."""
        if self.val_attack is None:
            return x
        return self.val_attack(self.val_victim, x, label, draws.image_seeds(self.seed, 0, index))

    def _results(self, names) -> Values:
        results = {name: self._means[name].result() for name in names}
        if tf.distribute.get_strategy().num_replicas_in_sync == 1:
            return results
        # fit averages what the replicas return over axis 0, which a scalar does not have.
        return {name: tf.reshape(value, (1,)) for name, value in results.items()}

    def _maybe_symbolic_build(self, *args, **kwargs) -> None:
        """Nothing is left to build, and Keras' attempt fails on several replicas' data."""
