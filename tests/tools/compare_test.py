"""Tests of tools/compare: what it prints of results, and which it does not put side by side."""

import json
import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "compare"


def _result(model: str, **other) -> dict:
    row = {"accuracy": 0.5, "success_rate": None, "seconds": 1.0, "hyperparameters": {}}
    return {
        "model": f"runs/{model}",
        "dataset": "digits",
        "examples": 360,
        "threat": {"norm": "Linf", "eps": 0.25},
        "attacks": {"clean": row},
        "robust_accuracy": 0.5,
        **other,
    }


def _compared(folder: pathlib.Path, *results: dict) -> subprocess.CompletedProcess:
    paths = [folder / f"{number}.json" for number in range(len(results))]
    for path, result in zip(paths, results, strict=True):
        path.write_text(json.dumps(result))
    return subprocess.run([sys.executable, SCRIPT, *paths], capture_output=True, text=True)


def test_each_run_has_a_column(tmp_path):
    run = _compared(tmp_path, _result("first"), _result("second"))
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[1] == (
        "Accuracy on 360 test images of digits, Linf epsilon 0.25"
    )
    assert run.stdout.splitlines()[3].split() == ["attack", "first", "second"]


@pytest.mark.parametrize(
    ("part", "other"),
    [("examples", 10), ("dataset", "mnist"), ("threat", {"norm": "Linf", "eps": 0.5})],
)
def test_results_of_different_images_or_radii_are_refused(part, other, tmp_path):
    run = _compared(tmp_path, _result("first"), _result("second", **{part: other}))
    assert run.returncode == 1
    assert run.stderr == (
        f"second has {part} {other} and first {_result('first')[part]}; expected results of the "
        "same.\n"
    )


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
