"""Ten thousand images: memory stays flat, progress and the time left are shown."""

import pathlib
import resource

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import progress
from robust_tf.attacks import PGD
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.evaluation.judging import evaluated
from tests.linear import linear_network

SHAPE, COUNT, BATCH = (32, 32, 3), 10_000, 250
# What held every image would grow by this. The process is shared with other tests,
# whose allocators move by ten megabytes by themselves, so the images are many times that.
ALL_IMAGES = COUNT * np.prod(SHAPE) * 4 / 2**20
THREAT = Threat("Linf", 0.005)
WEIGHTS = np.random.default_rng(0).normal(size=(3072, 5))


def _megabytes() -> float:
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def test_memory_is_flat_and_the_time_left_is_shown(tmp_path, monkeypatch):
    victim = network_victim(linear_network(WEIGHTS, shape=SHAPE))
    shown = {}

    def image(index):
        pixels = tf.random.stateless_uniform(SHAPE, [7, index])
        label = tf.argmax(
            tf.linalg.matvec(tf.constant(WEIGHTS, tf.float32), tf.reshape(pixels, [-1]), True),
            axis=0,
        )
        return pixels, label, index

    def batches(indices):
        index = tf.data.Dataset.from_tensor_slices(np.array(indices, np.int32))
        return index.map(image).batch(BATCH)

    monkeypatch.setattr(progress.Line, "due", lambda self: True)
    monkeypatch.setattr(
        progress.Line, "show", lambda self, text: shown.setdefault(text, _megabytes())
    )
    attacks = {
        "pgd-5": PGD(THREAT, steps=5, judge=True),
        "restarts": PGD(THREAT, steps=3, restarts=2),
    }
    result = evaluated(victim, batches, COUNT, attacks, tmp_path / "r.json", threat=THREAT)
    assert result["examples"] == COUNT
    assert 0.1 < result["robust_accuracy"] < 0.98
    for name in attacks:
        peaks = [peak for text, peak in shown.items() if text.startswith(f"{name}  ")]
        assert len(peaks) == COUNT / BATCH
        assert peaks[-1] - peaks[4] < ALL_IMAGES / 3
    assert all(text.endswith(" s left") for text in shown)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
