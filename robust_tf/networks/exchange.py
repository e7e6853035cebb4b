"""Weights between our networks and the published tensorpack checkpoints.

    fill(network, checkpoint_files.read("R152-Denoise.npz"))

Those networks take images in BGR and [-1, 1]. Ours take RGB in [0, 1], and their first layer maps
to [-1, 1]: so the first kernel, turned over its input channels, gives the same for our images.
"""

import re
from collections.abc import Iterator, Mapping

import keras
import numpy as np

from robust_tf.errors import InputError
from robust_tf.interop.checkpoint_names import name_of
from robust_tf.networks import published
from robust_tf.networks.parts import ACTIVATIONS

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
    known = architecture(network)
    published.fits(network.name, shapes, known, network.output_shape[-1], network.input_shape[-1])
    return found


def architecture(network: keras.Model) -> published.Architecture:
    """Returns what a network is that a published checkpoint may hold."""
    blocks = [layer for layer in network.layers if layer.name.endswith("_denoise")]
    at = "block" if any("_block" in layer.name for layer in blocks) else "group"
    stem = "imagenet" if network.get_layer("conv0").kernel_size == (7, 7) else "small"
    return published.Architecture(network.name, blocks[0].kind if blocks else "none", at, stem)


def activation(network: keras.Model) -> str:
    """Returns the name of a network's activation."""
    used = type(network.get_layer("act0"))
    return next(name for name, make in ACTIVATIONS.items() if isinstance(make(), used))


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
