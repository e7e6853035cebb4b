"""Images of an export's shape, files of any shape, and a network that looks trained."""

import cv2
import keras
import numpy as np

SHAPE = (32, 32, 3)
RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (5, *SHAPE), dtype=np.uint8)


def photograph(height: int, width: int) -> np.ndarray:
    """A smooth picture, which JPEG keeps and resizing changes."""
    coarse = RANDOM.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


def file_bytes(image: np.ndarray, suffix: str) -> bytes:
    """The image as a JPEG or PNG file."""
    return cv2.imencode(suffix, image)[1].tobytes()


FILES = [
    file_bytes(photograph(32, 32), ".png"),
    file_bytes(photograph(32, 32), ".jpg"),
    file_bytes(photograph(61, 45), ".png"),
    file_bytes(photograph(40, 90), ".jpg"),
    file_bytes(photograph(20, 20), ".jpg"),
]


def disturb(network: keras.Model) -> keras.Model:
    """Gives batch norms and biases values that a trained network has, instead of 0 and 1."""
    draw = np.random.default_rng(1)
    for weight in network.weights:
        if weight.name in ("gamma", "moving_variance"):
            weight.assign(draw.uniform(0.5, 1.5, weight.shape))
        elif weight.name in ("beta", "bias", "moving_mean"):
            weight.assign(draw.normal(0, 0.1, weight.shape))
    return network
