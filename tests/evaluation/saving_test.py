"""Tests of robust_tf.evaluation.saving: what is written is what was judged."""

import cv2
import numpy as np
import pytest

from robust_tf.attacks import PGD
from robust_tf.data.sources import load
from robust_tf.evaluation.saving import Saved
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.evaluation.judging import batches, evaluated
from tests.linear import linear_network

THREAT = Threat("Linf", 8 / 255)
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 32, 32, 3), np.uint8)
IMAGES = (PIXELS / np.float32(255)).astype(np.float32)
NETWORK = linear_network(RNG.normal(size=(3072, 10)), shape=(32, 32, 3))
# One of four is wrong without an attack.
LABELS = np.argmax(NETWORK(IMAGES), axis=-1) + (np.arange(12) % 4 == 0)
LABELS %= 10


def test_a_reload_gives_the_same_accuracy(tmp_path):
    saved = Saved(tmp_path, "cifar10", dict(enumerate(LABELS.tolist())))
    rest = batches(IMAGES, LABELS, 5)
    attacks = {"pgd-2": PGD(Threat("Linf", 8 / 255), steps=2, step_size=1 / 300)}
    result = evaluated(
        network_victim(NETWORK),
        rest,
        12,
        attacks,
        tmp_path / "r.json",
        threat=THREAT,
        quantize=True,
        saved=saved,
    )
    test = load("cifar10", "test", data_dir=tmp_path / "pgd-2")
    again = np.stack([test.image(i) for i in range(12)])
    right = np.argmax(NETWORK(again / np.float32(255)), axis=-1) == test.labels
    assert right.tolist() == result["attacks"]["pgd-2"]["per_image"]
    assert 0 < np.mean(right) < 1
    np.testing.assert_array_equal(test.labels, LABELS)
    difference = again.astype(int) - PIXELS
    assert np.abs(difference).max() <= 8 and np.any(difference, axis=(1, 2, 3)).all()
    read = cv2.imread(str(tmp_path / "pgd-2" / "00003.png"))[..., ::-1]
    np.testing.assert_array_equal(read, again[3])


def test_grey_images_stay_grey(tmp_path):
    saved = Saved(tmp_path, "mnist", {7: 3})
    saved.add("fgsm", np.array([7]), np.full((1, 28, 28, 1), 51 / 255, np.float32))
    arrays = np.load(saved.finish("fgsm", [7]))
    assert arrays["x_test"].shape == (1, 28, 28) and np.all(arrays["x_test"] == 51)
    assert arrays["y_test"].tolist() == [3]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
