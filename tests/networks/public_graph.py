"""The published networks as the paper's code computes them, by the names of their variables.

Written anew from what is known of that code, with TensorFlow's bare operations and none of ours.
"""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

# TensorFlow 1's fused batch norm takes no smaller one.
EPSILON = 1.001e-5


def logits(v: Mapping[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    """Logits of uint8 images in BGR; `v` holds the variables of any of the five checkpoints."""
    x = tf.cast(images, tf.float32) * (2 / 255) - 1
    x = tf.nn.relu(_normed(v, "conv0", x, 2))
    x = tf.nn.max_pool2d(x, 3, 2, "SAME")
    for group in range(4):
        blocks = 0
        while f"group{group}/block{blocks}/conv1/W" in v:
            x = _block(v, f"group{group}/block{blocks}", x, 2 if group and not blocks else 1)
            blocks += 1
        x = _denoised(v, f"group{group}_denoise", x)
    return (tf.reduce_mean(x, (1, 2)) @ v["linear/W"] + v["linear/b"]).numpy()


def _block(v, scope: str, x: tf.Tensor, stride: int) -> tf.Tensor:
    y = tf.nn.relu(_normed(v, f"{scope}/conv1", x, 1))
    y = tf.nn.relu(_normed(v, f"{scope}/conv2", y, stride))
    y = _normed(v, f"{scope}/conv3", y, 1)
    if f"{scope}/convshortcut/W" in v:
        x = _normed(v, f"{scope}/convshortcut", x, stride)
    return _denoised(v, f"{scope}/non_local", tf.nn.relu(x + y))


def _denoised(v, scope: str, x: tf.Tensor) -> tf.Tensor:
    if f"{scope}/conv/W" not in v:
        return x
    n, height, width, channels = x.shape
    g = tf.reshape(x, (n, height * width, channels))
    if f"{scope}/embedding_theta/W" in v:
        theta = tf.einsum("npc,ci->npi", g, v[f"{scope}/embedding_theta/W"][0, 0])
        phi = tf.einsum("npc,ci->npi", g, v[f"{scope}/embedding_phi/W"][0, 0])
        f = tf.einsum("nai,nci->nac", theta, phi) / np.sqrt(channels // 2)
        y = tf.nn.softmax(f, -1) @ g
    else:
        y = tf.einsum("nai,nci->nac", g, g) @ g / (height * width)
    return x + _normed(v, f"{scope}/conv", tf.reshape(y, x.shape), 1)


def _normed(v, scope: str, x: tf.Tensor, stride: int) -> tf.Tensor:
    kernel = v[f"{scope}/W"]
    groups = x.shape[-1] // kernel.shape[2]
    parts = zip(tf.split(x, groups, -1), np.split(kernel, groups, -1), strict=True)
    y = tf.concat([tf.nn.conv2d(part, w, stride, "SAME") for part, w in parts], -1)
    gamma, beta, mean, variance = (
        v[f"{scope}/bn/{name}"] for name in ("gamma", "beta", "mean/EMA", "variance/EMA")
    )
    return (y - mean) * (gamma / np.sqrt(variance + EPSILON)) + beta


def filled(shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, np.ndarray]:
    """Random values for the variables, of sizes that leave the logits finite."""
    draw = np.random.default_rng(seed)

    def values(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name.endswith(("gamma", "variance/EMA")):
            # What the dot product denoises by grows with the cube of the features.
            cubic = "non_local" in name and name.endswith("gamma")
            return draw.uniform(0.5, 1, shape) * (1e-4 if cubic else 1)
        if len(shape) == 1:
            return draw.normal(0, 0.3, shape)
        return draw.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)

    return {name: values(name, shape).astype(np.float32) for name, shape in shapes.items()}
