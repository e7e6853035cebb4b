"""Taps a network's features: outputs(network, ["group0"])(images)["group0"]."""

import re
from collections.abc import Iterable

import keras

from robust_tf import errors

DOORS = re.compile(r"group\d+|restored|before_squeeze|logits")


def outputs(network: keras.Model, names: Iterable[str]) -> keras.Model:
    """Returns a model that shares `network`'s weights and gives its logits and named layers.

    Args:
      network: as build or load returns it.
      names: layers whose outputs are wanted beside "logits", as group0 or before_squeeze.
    """
    tapped = {"logits": network.output} | {name: _output(network, name) for name in names}
    return keras.Model(network.input, tapped, name=f"{network.name}_outputs")


def up_to(network: keras.Model, name: str) -> keras.Model:
    """Returns a model that shares `network`'s weights and ends with a layer.

    Nothing behind the layer runs.

    Args:
      network: as build or load returns it.
      name: the layer, as group0.
    """
    return keras.Model(network.input, _output(network, name), name=f"{network.name}_to_{name}")


def _output(network: keras.Model, name: str) -> keras.KerasTensor:
    layers = {layer.name: layer for layer in network.layers}
    if name not in layers:
        doors = ", ".join(layer for layer in layers if DOORS.fullmatch(layer))
        raise errors.InputError(
            f"The network {network.name} has no layer {name}; expected {doors} or the name of "
            "another of its layers."
        )
    return layers[name].output
