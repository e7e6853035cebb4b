"""A network's twin whose activations have no corner: softened(network, 0.1)."""

import keras

from robust_tf.errors import InputError
from robust_tf.layers import SoftReLU

_CORNERED = (keras.activations.relu, keras.activations.leaky_relu, keras.activations.relu6)


def softened(network: keras.Model, softness: float) -> keras.Model:
    """A twin with weights of its own, which are the network's as they are now.

    Args:
      network: a built one.
      softness: over how much of its argument the corner of an activation is spread.
    """
    if not softness > 0:
        raise InputError(f"softened needs a softness above 0, got {softness}.")

    def soft(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, keras.layers.ReLU | keras.layers.LeakyReLU):
            slope, dtype = layer.negative_slope, layer.dtype_policy
            return SoftReLU(float(slope), softness, name=layer.name, dtype=dtype)
        if getattr(layer, "activation", None) in _CORNERED:
            raise InputError(
                f"The layer {layer.name} has its activation within; expected ReLU and LeakyReLU as "
                "layers of their own."
            )
        return type(layer).from_config(layer.get_config())

    twin = keras.models.clone_model(network, clone_function=soft)
    twin.set_weights(network.get_weights())
    return twin
