"""Tests of robust_tf.evaluation.table."""

import pytest

from robust_tf.evaluation.table import side_by_side, table


def _result(accuracies: dict[str, float], robust: float) -> dict:
    attacks = {
        name: {
            "accuracy": accuracy,
            "success_rate": None if name == "clean" else 1 - accuracy / accuracies["clean"],
            "seconds": 10 * accuracy,
        }
        for name, accuracy in accuracies.items()
    }
    return {
        "model": "runs/one",
        "dataset": "digits",
        "examples": 360,
        "threat": {"norm": "Linf", "eps": 8 / 255},
        "attacks": attacks,
        "robust_accuracy": robust,
    }


def test_one_result():
    result = _result({"clean": 1.0, "pgd-20": 0.125}, robust=0.1)
    assert table(result).splitlines() == [
        "runs/one: 360 images of digits, Linf 0.03137",
        "attack         accuracy    success    seconds",
        "-----------  ----------  ---------  ---------",
        "clean            100.0%                  10.0",
        "pgd-20            12.5%      87.5%        1.2",
        "all of them       10.0%",
    ]


def test_results_side_by_side_where_not_all_met_the_same_attacks():
    standard = _result({"clean": 0.96875, "fgsm": 0.25, "pgd-20": 0.0}, robust=0.0)
    robust = _result({"clean": 0.9375, "pgd-20": 0.8, "cw-20": 0.75}, robust=0.745)
    assert side_by_side({"standard": standard, "PGD-trained": robust}).splitlines() == [
        "attack         standard    PGD-trained",
        "-----------  ----------  -------------",
        "clean             96.9%          93.8%",
        "fgsm              25.0%",
        "pgd-20             0.0%          80.0%",
        "cw-20                            75.0%",
        "all of them        0.0%          74.5%",
    ]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
