"""The public AutoAttack's numbers on a small public network, its weights and its images."""

import pathlib

import cv2
import keras
import numpy as np

SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared"
MISSING = "the golden numbers are not beside the project"


def reference() -> dict[str, np.ndarray]:
    """Logits, and who is right after each stage, of the first 500 CIFAR-10 test images."""
    with np.load(SHARED / "golden" / "autoattack_cnn_a_adv4.npz") as arrays:
        return dict(arrays)


def images() -> tuple[np.ndarray, np.ndarray]:
    """Those images and their labels."""
    # 100 x 100 tiles, row by row.
    sheet = cv2.imread(str(SHARED / "data" / "cifar10" / "test.webp"))[: 5 * 32, :, ::-1]
    x = sheet.reshape(5, 32, 100, 32, 3).swapaxes(1, 2).reshape(500, 32, 32, 3)
    with np.load(SHARED / "data" / "cifar10" / "labels.npz") as arrays:
        label = arrays["y_test"].ravel()[:500]
    return x.astype(np.float32) / 255, label.astype(np.int64)


def network() -> keras.Model:
    """The network; its weights are stored in PyTorch's layout."""
    conv = dict(kernel_size=4, strides=2, padding="same", activation="relu")
    # (x - mean) / 0.225. keras.layers.Normalization takes twice as long.
    offset = [-mean / 0.225 for mean in (0.485, 0.456, 0.406)]
    normalize = keras.layers.Rescaling(1 / 0.225, offset=offset)
    layers = [
        keras.layers.Conv2D(16, **conv),
        keras.layers.Conv2D(32, **conv),
        keras.layers.Dense(100, activation="relu"),
        keras.layers.Dense(10),
    ]
    built = keras.Sequential(
        [keras.Input((32, 32, 3)), normalize, *layers[:2], keras.layers.Flatten(), *layers[2:]]
    )
    w = np.load(SHARED / "golden" / "weights_cnn_a_adv4.npz")
    for layer, name in zip(layers[:2], ("0", "2"), strict=True):
        layer.set_weights([w[f"{name}.weight"].transpose(2, 3, 1, 0), w[f"{name}.bias"]])
    channels_first = w["5.weight"].reshape(100, 32, 8, 8)
    layers[2].set_weights([channels_first.transpose(2, 3, 1, 0).reshape(2048, 100), w["5.bias"]])
    layers[3].set_weights([w["7.weight"].T, w["7.bias"]])
    return built
