"""Tests of robust_tf.evaluation.plots."""

import cv2
import pytest

from robust_tf.evaluation import plots


def _result(names: list[str]) -> dict:
    rows = {name: {"accuracy": 0.5, "success_rate": 0.25} for name in names}
    about = {"model": "runs/one", "dataset": "digits", "examples": 360}
    return {**about, "threat": {"norm": "Linf", "eps": 8 / 255}, "attacks": rows}


def test_a_sweep_is_drawn(tmp_path):
    path = tmp_path / "sweep.png"
    assert plots.sweep(_result(["clean", "pgd-10", "pgd-100", "fgsm"]), path)
    picture = cv2.imread(str(path))
    assert picture.shape == (432, 1080, 3)
    assert picture.min() < 50 and picture.max() == 255


def test_labels_do_not_touch_on_the_logarithmic_axis():
    labels = plots._labels([10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
    assert labels == ["10", "20", "30", "40", "50", "60", "", "80", "", "100"]


def test_without_one_nothing_is(tmp_path):
    assert not plots.sweep(_result(["clean", "pgd-10", "cw-10"]), tmp_path / "sweep.png")
    assert list(tmp_path.iterdir()) == []


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
