"""An evaluation that was stopped goes on, and ends with what an uninterrupted one ends with."""

import json

import numpy as np
import pytest

from tests.evaluation.judging import (
    IMAGES,
    LABELS,
    VICTIM,
    Interrupted,
    batches,
    judge_images,
    timeless,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The result of an evaluation that was left alone."""
    return judge_images(batches(IMAGES, LABELS, 8), tmp_path_factory.mktemp("whole") / "r.json")


def _stop(path, size: int, count: int, seen: list[int] | None = None, **settings) -> None:
    with pytest.raises(KeyboardInterrupt):
        judge_images(Interrupted(batches(IMAGES, LABELS, size, seen), count), path, **settings)


# An attack is run on the images that are right without one.
RIGHT = int(np.sum(np.argmax(VICTIM(IMAGES, None)["logits"], axis=-1) == LABELS))


@pytest.mark.parametrize(
    ("size", "count", "left"),
    [(4, 3, [18, RIGHT, RIGHT]), (8, 6, [RIGHT - 16, RIGHT]), (30, 2, [RIGHT]), (8, 0, None)],
    ids=["in the first attack", "in the second", "between two", "at once"],
)
def test_it_goes_on_where_it_was_with_another_batch_size_too(size, count, left, tmp_path, whole):
    path, seen = tmp_path / "r.json", []
    _stop(path, size, count)
    assert [p.match(".r.*.state.json") for p in tmp_path.iterdir()] == [True]
    result = judge_images(batches(IMAGES, LABELS, 7, seen), path)
    assert seen == (left or [30, RIGHT, RIGHT])
    assert timeless(result) == timeless(whole)
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]
    assert json.loads(path.read_text()) == result


def test_it_can_be_stopped_again_and_again(tmp_path, whole):
    path, seen = tmp_path / "r.json", []
    for size in (5, 8, 3):
        _stop(path, size, 3)
    result = judge_images(batches(IMAGES, LABELS, 30, seen), path)
    assert seen == [RIGHT - 17, RIGHT]
    assert timeless(result) == timeless(whole)


@pytest.mark.parametrize("other", [{"seed": 1}, {"steps": 2}, {"epsilon": 0.25}])
def test_what_was_found_with_other_settings_is_not_gone_on_with(other, tmp_path):
    path, seen = tmp_path / "r.json", []
    for settings in ({}, {}, other, {}):
        _stop(path, 8, 1, seen, **settings)
    # And nothing of it is lost.
    assert seen == [30, 22, 30, 14]


def test_an_earlier_result_stays_until_the_next_is_whole(tmp_path):
    path = tmp_path / "r.json"
    path.write_text("an earlier result")
    _stop(path, 8, 6)
    assert path.read_text() == "an earlier result"


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
