"""Workers that share an evaluation end with what one of them alone ends with."""

import json
import threading

import numpy as np
import pytest

from robust_tf.attacks import PGD, Sweep
from robust_tf.attacks.ensemble import Ensemble
from robust_tf.errors import InputError
from robust_tf.evaluation.saving import Saved
from robust_tf.evaluation.sharing import Part
from tests.evaluation.judging import (
    IMAGES,
    LABELS,
    THREAT,
    VICTIM,
    Interrupted,
    batches,
    evaluated,
    timeless,
)

ATTACKS = {
    "pgd-1/3": Sweep({f"pgd-{K}": PGD(THREAT, steps=K) for K in (1, 3)}),
    "both": Ensemble(THREAT, {"pgd": PGD(THREAT, steps=1), "more": PGD(THREAT, steps=2)}),
}


def _evaluate(output, rest, **more) -> dict | None:
    saved = Saved(output.with_suffix(""), "mnist", dict(enumerate(LABELS)))
    return evaluated(VICTIM, rest, 30, ATTACKS, output, saved=saved, quantize=True, **more)


def test_every_image_counts_once_and_as_on_one_worker(tmp_path):
    """A sweep and an ensemble with their images; the second worker is stopped, the first waits."""
    alone = _evaluate(tmp_path / "one.json", batches(IMAGES, LABELS, 8))
    path, results, seen = tmp_path / "two.json", [], []
    with pytest.raises(KeyboardInterrupt):
        _evaluate(path, Interrupted(batches(IMAGES, LABELS, 4), 3), share=(1, 2))

    def judge_first():
        results.append(_evaluate(path, batches(IMAGES, LABELS, 30), share=(0, 2)))

    first = threading.Thread(target=judge_first, daemon=True)
    first.start()
    assert _evaluate(path, batches(IMAGES, LABELS, 30, seen), share=(1, 2)) is None
    # Of its 15 images 12 have been judged without an attack.
    assert seen[0] == 3
    first.join(timeout=100)
    assert len(alone["attacks"]["clean"]["per_image"]) == 30
    assert timeless(results[0]) == timeless(alone) == timeless(json.loads(path.read_text()))
    images = sorted((tmp_path / "one").rglob("*.*"))
    assert len(images) == 3 * 31
    for made in images:
        other = tmp_path / "two" / made.relative_to(tmp_path / "one")
        if made.suffix == ".png":
            assert other.read_bytes() == made.read_bytes()
        else:
            with np.load(made) as one, np.load(other) as two:
                np.testing.assert_array_equal(two["x_test"], one["x_test"])
                np.testing.assert_array_equal(two["y_test"], one["y_test"])
    left = {p.name for p in tmp_path.iterdir()}
    assert left == {f"{name}{kind}" for name in ("one", "two") for kind in ("", ".json", ".png")}


def test_parts_of_other_settings_or_another_number_are_not_mixed_in(tmp_path):
    settings, path = {"seed": 0}, tmp_path / "r.json"

    def finished(worker: int, workers: int, given: dict, index: list[int]) -> Part:
        part = Part(path, given, worker, workers)
        part.state.add({"clean": {"index": index, "right": [True] * len(index)}}, 1.0)
        part.finish()
        return part

    finished(1, 2, {"seed": 1}, [1, 3])
    finished(1, 3, settings, [1])
    assert not Part(path, settings, 1, 2).state.stages
    assert not list(tmp_path.glob("*part-1-of-2*"))
    first = finished(0, 2, settings, [0, 2])
    later = threading.Timer(0.5, finished, (1, 2, settings, [1, 3]))
    later.start()
    first.collect(range(4))
    later.join()
    assert first.state.of("clean")["index"] == [0, 1, 2, 3]
    assert first.state.of("clean")["seconds"] == 2.0
    # One that is started again has nothing left to do.
    assert Part(path, settings, 1, 2).state.of("clean")["index"] == [1, 3]


def test_more_workers_than_images_are_refused(tmp_path):
    with pytest.raises(InputError, match="2 images cannot be shared by 3 workers; expected at"):
        Part(tmp_path / "r.json", {}, 0, 3).of([4, 7])


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
