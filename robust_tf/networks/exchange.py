"""Weights between our networks and the published tensorpack checkpoints.

    fill(network, checkpoint_files.read("R152-Denoise.npz"))

Those networks take images in BGR and [-1, 1]. Ours take RGB in [0, 1], and their first layer maps
to [-1, 1]: so the first kernel, turned over its input channels, gives the same for our images.
Batch norm's epsilon stays 1e-5; TensorFlow 1 computed with 1.001e-5, which moves the golden logits
by less than float32 resolves.
"""

import re
from collections.abc import Iterator, Mapping

import keras
import numpy as np

from robust_tf.errors import InputError
from robust_tf.interop.checkpoint_names import name_of
from robust_tf.networks import published

_FIRST = "conv0/W"
# Of a plain network: some layers of the Feature Pyramid Decoder have no weights to tell them by.
_OWN_LAYERS = re.compile(r"images|rescale|(conv|bn|act|pool)0|group\d.*|pool|logits")


def fill(network: keras.Model, variables: Mapping[str, np.ndarray]) -> None:
    """Gives a network the weights of a checkpoint that fits it.

    Args:
      network: of the architecture that published.fits has held the checkpoint to.
      variables: the checkpoint's, by name.
    """
    for name, variable in _named(network):
        variable.assign(_turned(name, variables[name]))


def weights(network: keras.Model) -> dict[str, np.ndarray]:
    """Returns a network's weights, in float32, as a published checkpoint holds them."""
    found = {
        name: _turned(name, keras.ops.convert_to_numpy(variable).astype(np.float32))
        for name, variable in _named(network)
    }
    shapes = {name: values.shape for name, values in found.items()}
    known = published.recognised(shapes)
    if known is None:
        raise _unpublished(network, "other blocks")
    published.fits(f"The network {network.name}", shapes, known)
    return found


def _named(network: keras.Model) -> Iterator[tuple[str, keras.Variable]]:
    for layer in network.layers:
        if not _OWN_LAYERS.fullmatch(layer.name):
            raise _unpublished(network, f"the layer {layer.name}")
        for variable in layer.variables:
            name = name_of(layer.name, variable.name)
            if name is None:
                raise _unpublished(network, f"the variable {layer.name}/{variable.name}")
            yield name, variable


def _unpublished(network: keras.Model, what: str) -> InputError:
    return InputError(
        f"The network {network.name} has {what}, as no published one has; expected a resnet or "
        "a resnext, of a linear head, without --fpd and --denoise=concatenation."
    )


def _turned(name: str, values: np.ndarray) -> np.ndarray:
    return values[:, :, ::-1] if name == _FIRST else values
