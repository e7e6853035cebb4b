"""What the variables of our networks are called in published tensorpack checkpoints.

name_of("group0_block1_bn2", "moving_mean")  # "group0/block1/conv2/bn/mean/EMA"
"""

import re

_KERNEL = {"W": "kernel"}
_THETA, _PHI = {"W": "theta"}, {"W": "phi"}
_DENSE = {"W": "kernel", "b": "bias"}
_NORM = {
    "gamma": "gamma",
    "beta": "beta",
    "mean/EMA": "moving_mean",
    "variance/EMA": "moving_variance",
}
_SCOPE, _OURS = "group{}/block{}", "group{}_block{}"
# tensorpack's scope, our layer, and the layer's variables by their names in that scope; {} is a
# number, the same in both.
_LAYERS = (
    ("conv0", "conv0", _KERNEL),
    ("conv0/bn", "bn0", _NORM),
    *((f"{_SCOPE}/conv{k}", f"{_OURS}_conv{k}", _KERNEL) for k in (1, 2, 3)),
    *((f"{_SCOPE}/conv{k}/bn", f"{_OURS}_bn{k}", _NORM) for k in (1, 2, 3)),
    (f"{_SCOPE}/convshortcut", f"{_OURS}_shortcut", _KERNEL),
    (f"{_SCOPE}/convshortcut/bn", f"{_OURS}_shortcut_bn", _NORM),
    (f"{_SCOPE}/non_local/embedding_theta", f"{_OURS}_denoise", _THETA),
    (f"{_SCOPE}/non_local/embedding_phi", f"{_OURS}_denoise", _PHI),
    (f"{_SCOPE}/non_local/conv", f"{_OURS}_denoise_conv", _KERNEL),
    (f"{_SCOPE}/non_local/conv/bn", f"{_OURS}_denoise_bn", _NORM),
    ("group{}_denoise/embedding_theta", "group{}_denoise", _THETA),
    ("group{}_denoise/embedding_phi", "group{}_denoise", _PHI),
    ("group{}_denoise/conv", "group{}_denoise_conv", _KERNEL),
    ("group{}_denoise/conv/bn", "group{}_denoise_bn", _NORM),
    ("linear", "logits", _DENSE),
)
# What tensorpack calls training's own: counters, summaries, and the optimizers' slots.
_SLOTS = r"Momentum|Adam|Adam_1|Adadelta|Adadelta_1|RMSProp|RMSProp_1|Adagrad|AccumGrad|Ftrl|"
_SLOTS += "ExponentialMovingAverage"
_TRAINING = re.compile(
    r"(.+/)?(learning_rate|global_step|local_step|loss_scale|beta[12]_power)|(.+/)?EMA/.+|"
    rf"apply_gradients.*|AccumGrad.*|.+/({_SLOTS})"
)


def name_of(layer: str, variable: str) -> str | None:
    """Returns what fills a layer's variable, None where such a checkpoint has no name for it."""
    for scope, ours, variables in _LAYERS:
        found = re.fullmatch(_pattern(ours), layer)
        if found and variable in variables.values():
            theirs = next(theirs for theirs, own in variables.items() if own == variable)
            return f"{scope.format(*found.groups())}/{theirs}"
    return None


def is_of_training(name: str) -> bool:
    """Whether training alone needs this variable, so that it may lie in a checkpoint unread."""
    return _TRAINING.fullmatch(name.removesuffix(":0")) is not None


def _pattern(template: str) -> str:
    return template.replace("{}", r"(\d+)")
