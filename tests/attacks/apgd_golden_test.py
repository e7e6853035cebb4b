"""APGD on the public network of the golden numbers leaves as few images as the public code."""

import functools
import pathlib

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf.attacks.apgd import APGD
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.linear import seeds

SHARED = pathlib.Path(__file__).resolve().parents[3] / "shared"


def _right(victim, x, label) -> np.ndarray:
    return np.argmax(victim(x, None)["logits"], axis=-1) == label


def _golden_network() -> keras.Model:
    """The public network of the golden numbers; its weights are in PyTorch's layout."""
    w = np.load(SHARED / "golden" / "weights_cnn_a_adv4.npz")
    conv = dict(kernel_size=4, strides=2, padding="same", activation="relu")
    normalize = keras.layers.Normalization(mean=(0.485, 0.456, 0.406), variance=[0.225**2] * 3)
    layers = [
        keras.layers.Conv2D(16, **conv),
        keras.layers.Conv2D(32, **conv),
        keras.layers.Dense(100, activation="relu"),
        keras.layers.Dense(10),
    ]
    network = keras.Sequential(
        [keras.Input((32, 32, 3)), normalize, *layers[:2], keras.layers.Flatten(), *layers[2:]]
    )
    for layer, name in zip(layers[:2], ("0", "2"), strict=True):
        layer.set_weights([w[f"{name}.weight"].transpose(2, 3, 1, 0), w[f"{name}.bias"]])
    channels_first = w["5.weight"].reshape(100, 32, 8, 8)
    layers[2].set_weights([channels_first.transpose(2, 3, 1, 0).reshape(2048, 100), w["5.bias"]])
    layers[3].set_weights([w["7.weight"].T, w["7.bias"]])
    return network


@pytest.mark.skipif(not SHARED.exists(), reason="the golden numbers are not beside the project")
def test_agrees_with_the_public_code_on_its_network():
    golden = np.load(SHARED / "golden" / "autoattack_cnn_a_adv4.npz")
    # 100 x 100 tiles, row by row.
    sheet = cv2.imread(str(SHARED / "data" / "cifar10" / "test.webp"))[: 5 * 32, :, ::-1]
    x = sheet.reshape(5, 32, 100, 32, 3).swapaxes(1, 2).reshape(500, 32, 32, 3)
    x = x.astype(np.float32) / 255
    label = np.load(SHARED / "data" / "cifar10" / "labels.npz")["y_test"].ravel()[:500]
    victim = network_victim(_golden_network())
    np.testing.assert_allclose(victim(x, None)["logits"], golden["logits"], atol=1e-4)
    clean = _right(victim, x, label)
    np.testing.assert_array_equal(clean, golden["clean"])
    attack = APGD(Threat("Linf", 8 / 255), judge=True)
    graph = tf.function(functools.partial(attack, victim), autograph=False)
    found = graph(x[clean], tf.constant(label[clean], tf.int32), tf.boolean_mask(seeds(500), clean))
    # The public code leaves 21.4 %; at most a point more.
    assert _right(victim, found, label[clean]).sum() <= golden["apgd_ce"].sum() + 5


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
