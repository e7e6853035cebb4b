"""What an attack faces: `victim(x, seed)` gives a dictionary of outputs, "logits" among them.

    victim = network_victim(network)
    logits = victim(x, seed)["logits"]

A random defence is a victim that draws its noise from the seed, so that every step of an attack
sees fresh noise.
"""

from collections.abc import Callable

import keras
import tensorflow as tf

Victim = Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]


def right(outputs: dict[str, tf.Tensor], label: tf.Tensor) -> tf.Tensor:
    """Which images a victim is right about; a NaN is no answer."""
    z = outputs["logits"]
    answered = tf.reduce_all(tf.math.is_finite(z), axis=-1)
    return answered & (tf.argmax(z, axis=-1, output_type=label.dtype) == label)


def network_victim(
    network: keras.Model, *, twin: keras.Model | None = None, batch_statistics: bool = False
) -> Victim:
    """A network as a victim.

    Args:
      network: maps images to logits, or to a dictionary of outputs with "logits".
      twin: computes in network's place, with network's weights: the same architecture built with
        another dtype policy or without synchronized batch norm.
      batch_statistics: batch norm normalizes by the batch, as in training, instead of by its
        moving statistics. Either way the moving statistics stay as they are.
    """

    def call(x: tf.Tensor) -> tf.Tensor | dict[str, tf.Tensor]:
        if twin is None and not batch_statistics:
            return network(x, training=False)
        outputs, _ = (twin or network).stateless_call(
            [v.value for v in network.trainable_variables],
            [v.value for v in network.non_trainable_variables],
            x,
            training=batch_statistics,
        )
        return outputs

    def victim(x: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        del seed  # A network is deterministic.
        outputs = call(x)
        return outputs if isinstance(outputs, dict) else {"logits": outputs}

    return victim
