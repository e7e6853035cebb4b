import numpy as np
import pytest

from robust_tf.evaluation import competition
from robust_tf.evaluation.table import table
from robust_tf.serving.recorded import PARTS

ABOUT = {
    "model": "m",
    "weights": "w",
    "dataset": "labels.csv",
    "threat": {"norm": "Linf", "eps": 32 / 255},
    "seed": 0,
}
RIGHT = {
    "first": np.array([True, True, False, False]),
    "second": np.array([True, False, True, False]),
    "third": np.array([True, True, True, False]),
}


def found() -> dict:
    unread = {"first": ["d.png"], "second": [], "third": []}
    names = ["a.png", "b.png", "c.png", "d.png"]
    return competition.result(ABOUT, names, RIGHT, dict.fromkeys(RIGHT, 1.5), unread)


def test_the_figures_by_hand():
    result = found()
    accuracy = [row["accuracy"] for row in result["attacks"].values()]
    assert accuracy == [0.5, 0.5, 0.75]
    assert result["robust_accuracy"] == 0.25
    assert result["mean_accuracy"] == pytest.approx(7 / 12)
    assert result["right_answers"] == 7
    assert result["smallest"] == "first"
    assert result["attacks"]["second"]["per_image"] == [True, False, True, False]
    assert result["attacks"]["first"]["unread"] == ["d.png"]
    assert "unread" not in result["attacks"]["third"]


def test_it_is_a_result_as_others_are():
    assert PARTS <= found().keys()


def test_the_table_ends_with_what_competitions_count():
    lines = [line.split() for line in table(found()).splitlines()]
    assert ["third", "75.0%", "1.5"] in lines
    assert lines[-3:] == [
        ["all", "of", "them", "25.0%"],
        ["their", "mean", "58.3%"],
        ["right", "of", "12", "answers", "7"],
    ]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
