"""Where the variables of published tensorpack checkpoints have their place in our networks.

location("group0/block1/conv2/bn/mean/EMA")  # ("group0_block1_bn2", "moving_mean")
"""

import re

_KERNEL = {"W": "kernel"}
_DENSE = {"W": "kernel", "b": "bias"}
_NORM = {
    "gamma": "gamma",
    "beta": "beta",
    "mean/EMA": "moving_mean",
    "variance/EMA": "moving_variance",
}
_BLOCK = r"group(\d+)/block(\d+)"
# tensorpack's scope, our layer, and the layer's variables by their names in that scope.
_LAYERS = (
    (r"conv0", "conv0", _KERNEL),
    (r"conv0/bn", "bn0", _NORM),
    (rf"{_BLOCK}/conv([123])", "group{}_block{}_conv{}", _KERNEL),
    (rf"{_BLOCK}/conv([123])/bn", "group{}_block{}_bn{}", _NORM),
    (rf"{_BLOCK}/convshortcut", "group{}_block{}_shortcut", _KERNEL),
    (rf"{_BLOCK}/convshortcut/bn", "group{}_block{}_shortcut_bn", _NORM),
    (rf"{_BLOCK}/non_local/embedding_theta", "group{}_block{}_denoise", {"W": "theta"}),
    (rf"{_BLOCK}/non_local/embedding_phi", "group{}_block{}_denoise", {"W": "phi"}),
    (rf"{_BLOCK}/non_local/conv", "group{}_block{}_denoise_conv", _KERNEL),
    (rf"{_BLOCK}/non_local/conv/bn", "group{}_block{}_denoise_bn", _NORM),
    (r"group(\d+)_denoise/embedding_theta", "group{}_denoise", {"W": "theta"}),
    (r"group(\d+)_denoise/embedding_phi", "group{}_denoise", {"W": "phi"}),
    (r"group(\d+)_denoise/conv", "group{}_denoise_conv", _KERNEL),
    (r"group(\d+)_denoise/conv/bn", "group{}_denoise_bn", _NORM),
    (r"linear", "logits", _DENSE),
)


def location(name: str) -> tuple[str, str] | None:
    """Returns the layer and its variable that `name` fills, None where it fills none.

    None stands for what training leaves in a checkpoint (learning_rate, global_step, EMA/
    summaries, slots of the optimizer) and for anything else that these networks do not have.

    Args:
      name: a variable of tensorpack's ResNet, ResNetDenoise or ResNeXtDenoiseAll, with or without
        the ":0" of its tensor.
    """
    name = name.removesuffix(":0")
    for scope, layer, variables in _LAYERS:
        found = re.fullmatch(rf"{scope}/(.+)", name)
        if found and found[found.lastindex] in variables:
            *numbers, variable = found.groups()
            return layer.format(*numbers), variables[variable]
    return None
