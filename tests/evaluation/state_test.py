"""Tests of robust_tf.evaluation.state."""

import json
import re
import time

import pytest

from robust_tf.evaluation.state import OUTCOME, SAVE_EVERY_SECONDS, State, write_json
from tests.full_disk import full_after

SETTINGS = {"seed": 0, "attacks": {"pgd-20": {"steps": 20, "step_size": None}}}


def _found(output) -> State:
    """A state with something in it, on disk."""
    state = State(output, SETTINGS)
    state.of("pgd-20").update(index=[3, 5], right=[True, False], hit=[False, True], seconds=1.5)
    state.save(force=True)
    return state


def test_round_trip(tmp_path):
    output = tmp_path / "results" / "result.json"
    _found(output)
    again = State(output, json.loads(json.dumps(SETTINGS)))
    expected = {"index": [3, 5], "right": [True, False], "hit": [False, True], "seconds": 1.5}
    assert again.of("pgd-20") == {**expected, "distance": [], "least": [], "greatest": []}
    assert again.right("pgd-20") == [3]
    assert again.of("fgsm") == {"index": [], **{name: [] for name in OUTCOME}, "seconds": 0.0}
    assert again.right("fgsm") == []


@pytest.mark.parametrize(
    "other",
    [
        {**SETTINGS, "seed": 1},
        {**SETTINGS, "examples": 10},
        {**SETTINGS, "attacks": {"pgd-20": {"steps": 20, "step_size": 0.1}}},
        {"seed": 0},
    ],
)
def test_a_state_of_other_settings_is_not_gone_on_with(other, tmp_path):
    output = tmp_path / "result.json"
    _found(output)
    started = State(output, other)
    assert started.of("pgd-20")["index"] == []
    started.save(force=True)
    # Nor is it written over.
    assert State(output, SETTINGS).of("pgd-20")["index"] == [3, 5]


def test_each_result_has_its_own_state_and_another_stays(tmp_path):
    first, second = (_found(tmp_path / name) for name in ("a.json", "b.json"))
    assert sorted(tmp_path.iterdir()) == [first.path, second.path]
    assert re.fullmatch(r"\.a\.[0-9a-f]{16}\.state\.json", first.path.name)
    first.remove()
    first.remove()
    assert list(tmp_path.iterdir()) == [second.path]
    assert State(tmp_path / "a.json", SETTINGS).of("pgd-20")["index"] == []


def test_it_is_written_now_and_then_or_when_forced(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    state = State(tmp_path / "result.json", SETTINGS)
    written = []
    for seconds in (SAVE_EVERY_SECONDS - 1, 2.0, 2.0, SAVE_EVERY_SECONDS):
        now[0] += seconds
        state.path.unlink(missing_ok=True)
        state.save()
        written.append(state.path.exists())
    assert written == [False, True, False, True]
    state.path.unlink()
    state.save(force=True)
    assert state.path.exists()


def test_a_half_written_file_replaces_nothing(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"accuracy": 0.5})
    with full_after(4096), pytest.raises(OSError):
        write_json(path, {"per_image": [True] * 5000})
    assert json.loads(path.read_text()) == {"accuracy": 0.5}
    # What is left of the failure is written over.
    write_json(path, {"accuracy": 0.75})
    assert json.loads(path.read_text()) == {"accuracy": 0.75}
    assert list(tmp_path.iterdir()) == [path]


def test_extremes_are_of_what_fooled_and_elsewhere_of_the_clean_images(tmp_path):
    state = State(tmp_path / "result.json", SETTINGS)

    def outcome(index, right, distance, least, greatest):
        whole = dict(right=right, hit=right, distance=distance, least=least, greatest=greatest)
        return {"index": index, **whole}

    clean = outcome([1, 2, 3], [True] * 3, [0.0] * 3, [0.3, 0.2, 0.4], [0.5, 0.6, 0.7])
    # The first fools image 1; what it made of image 2 is not kept, what the second made of it is.
    first = outcome([1, 2], [False, True], [0.1, 0.9], [0.25, 0.0], [0.5, 1.0])
    second = outcome([2], [False], [0.05], [0.21], [0.65])
    state.add({"clean": clean, "first": first, "second": second}, 1.0)
    assert state.extremes(("clean", "first", "second")) == (0.1, 0.21, 0.7)
    assert state.extremes(("clean",)) == (0.0, 0.2, 0.7)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
