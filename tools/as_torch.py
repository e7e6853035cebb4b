"""A Keras network of this project in PyTorch, for libraries that attack nothing else.

network = as_torch(keras_network)        # NCHW in, logits out
"""

import keras
import numpy as np
import torch
from torch import nn


class Channels(nn.Module):
    """scale * x + offset in each channel."""

    def __init__(self, scale: np.ndarray, offset: np.ndarray):
        super().__init__()
        for name, values in {"scale": scale, "offset": offset}.items():
            tensor = torch.as_tensor(np.array(values, np.float32)).reshape(1, -1, 1, 1)
            self.register_buffer(name, tensor)

    def forward(self, x):
        """The affine map."""
        return x * self.scale + self.offset


class ChannelsLast(nn.Module):
    """Flattens in Keras' order."""

    def forward(self, x):
        """(batch, features)."""
        return x.permute(0, 2, 3, 1).flatten(1)


class Graph(nn.Module):
    """Calls the modules in the order of the Keras network's layers."""

    def __init__(self, network: keras.Model):
        super().__init__()
        self.calls, self.end = [], network.outputs[0]._keras_history.operation.name
        for i, layer in enumerate(network.layers):
            self.add_module(f"layer{i}", _module(layer))
            made_of = [node.operation.name for node in layer._inbound_nodes[0].parent_nodes]
            self.calls.append((layer.name, f"layer{i}", made_of))

    def forward(self, x):
        """The logits."""
        made = {}
        for name, module, made_of in self.calls:
            made[name] = getattr(self, module)(*[made.get(n, x) for n in made_of or [None]])
        return made[self.end]


class Sum(nn.Module):
    """Adds what it is given."""

    def forward(self, *x):
        """The sum."""
        return sum(x[1:], start=x[0])


def tensors(x: np.ndarray, label: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels."""
    channels_first = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    return torch.as_tensor(channels_first), torch.as_tensor(label, dtype=torch.int64)


def as_torch(network: keras.Model) -> nn.Module:
    """The network with the same weights, in evaluation mode."""
    return Graph(network).eval()


def _module(layer: keras.Layer) -> nn.Module:
    w = [torch.as_tensor(np.array(v)) for v in layer.get_weights()]
    match layer:
        case keras.layers.Conv2D():
            return _conv(layer, w)
        case keras.layers.Dense():
            dense = nn.Linear(*w[0].shape)
            dense.load_state_dict({"weight": w[0].T, "bias": w[1]})
            activation = layer.activation is keras.activations.relu
            return nn.Sequential(dense, nn.ReLU()) if activation else dense
        case keras.layers.BatchNormalization():
            norm = nn.BatchNorm2d(len(w[0]), eps=layer.epsilon)
            names = ("weight", "bias", "running_mean", "running_var")
            norm.load_state_dict(dict(zip(names, w, strict=True)), strict=False)
            return norm
        case keras.layers.Normalization():
            mean, variance = np.ravel(layer.mean), np.ravel(layer.variance)
            return Channels(variance**-0.5, -mean * variance**-0.5)
        case keras.layers.Rescaling():
            return Channels(np.ravel(layer.scale), np.ravel(layer.offset))
        case keras.layers.GlobalAveragePooling2D():
            return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        case keras.layers.Flatten():
            return ChannelsLast()
        case keras.layers.Add():
            return Sum()
        case keras.layers.ReLU():
            return nn.ReLU()
        case keras.layers.InputLayer() | keras.layers.Identity():
            return nn.Identity()
    raise ValueError(f"{layer.name} is a {type(layer).__name__}, which has no PyTorch twin here.")


def _conv(layer: keras.layers.Conv2D, w: list[torch.Tensor]) -> nn.Module:
    kernel = w[0].permute(3, 2, 0, 1)
    conv = nn.Conv2d(
        *(kernel.shape[1], kernel.shape[0], kernel.shape[2:], layer.strides), bias=len(w) > 1
    )
    conv.load_state_dict(dict(zip(("weight", "bias"), [kernel, *w[1:]], strict=False)))
    # TensorFlow's "same" on even sizes: what is odd goes behind.
    lack = max(layer.kernel_size[0] - layer.strides[0], 0)
    before, behind = lack // 2, lack - lack // 2
    if before == behind:
        conv.padding = (before, before)
        modules = [conv]
    else:
        modules = [nn.ZeroPad2d((before, behind, before, behind)), conv]
    if layer.activation is keras.activations.relu:
        modules.append(nn.ReLU())
    return nn.Sequential(*modules)
