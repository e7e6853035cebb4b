"""Image files of tests, and a network whose answers to them are known."""

import pathlib

import cv2
import keras
import numpy as np

from tests.linear import linear_network

DARK, BRIGHT, RED = 0, 1, 2


def eyes() -> keras.Model:
    """Of 2x2 colour images: DARK, BRIGHT and, where there is more red than green, RED."""
    red_over_green = np.tile([4.0, -4.0, 0.0], 4)
    weights = np.stack([-np.ones(12), np.ones(12), red_over_green], axis=1)
    return linear_network(weights, [6.0, -6.0, 0.0], shape=(2, 2, 3))


def write(path: pathlib.Path, *rgb: int, size: tuple[int, int] = (2, 2)) -> None:
    """A picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size, 3), rgb[::-1], np.uint8)
    suffix = path.suffix.lower()
    path.write_bytes(cv2.imencode(suffix, pixels)[1].tobytes())


def read(path: pathlib.Path) -> np.ndarray:
    """The levels of a file, RGB."""
    encoded = np.frombuffer(path.read_bytes(), np.uint8)
    return cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)[..., ::-1].astype(int)
