"""What a transfer is made on that is no other network: a stand-in for the attacked one.

transfer:pgd-20@identity    the Feature Pyramid Decoder, its restoration the identity on the
                            way back (BPDA, https://arxiv.org/abs/1802.00420): x' = R(x), but
                            dx'/dx = 1
transfer:pgd-20@one-pass    the image itself in the place of the restored one
transfer:pgd-20@dense       three dense layers, trained on the model's answers
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from robust_tf import networks
from robust_tf.attacks import train_substitute
from robust_tf.errors import InputError
from robust_tf.victim import Victim, network_victim

SURROGATES = ("identity", "one-pass", "dense")


def surrogate(
    name: str, victim: Victim, network: keras.Model | None, images: Callable, seed: int
) -> Victim:
    """The stand-in of a name.

    Args:
      name: one of SURROGATES.
      victim: the attacked model.
      network: the same as a Keras network, where it is one.
      images: gives images of the training split, to ask the victim for answers to.
      seed: of a substitute's training.
    """
    if name == "dense":
        return network_victim(train_substitute(victim, images(), seed))
    layers = {layer.name for layer in network.layers} if network else set()
    if "restored" not in layers:
        raise InputError(
            f"A transfer from {name} needs a Feature Pyramid Decoder (--fpd=full) that is attacked."
        )
    # A stand-in only leads the way: before a squeeze it is steeper, and means the same.
    last = "before_squeeze" if "before_squeeze" in layers else "logits"
    second, restore = networks.second_pass(network, last), networks.restorer(network)

    def stand_in(x: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        del seed  # A network is deterministic.
        restored = x
        if name == "identity":
            restored = x + tf.stop_gradient(tf.cast(restore(x, training=False), x.dtype) - x)
        return {"logits": second([restored, x], training=False)}

    return stand_in
