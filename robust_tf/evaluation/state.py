"""What an evaluation has found so far, on disk, so that a stopped one goes on where it was."""

import hashlib
import json
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from robust_tf import files

SAVE_EVERY_SECONDS = 20.0
# What is kept of each image: fields of what the judge found.
OUTCOME = ("right", "hit", "distance", "least", "greatest")


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes a file that is whole or not there."""
    with files.replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n")


def digest(settings: dict) -> str:
    """A short name for settings, of what JSON makes of them."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


class State:
    """Per attack, or stage of one: outcomes of the images so far, and seconds spent.

    Args:
      output: the result's file; the state lies beside it until the result is written.
      settings: what the outcomes depend on. Others have a file of their own, so that a flag which
        is mistyped costs nothing of what was found without it.
      part: of several workers' states, what tells this one from the others'.
    """

    def __init__(self, output: pathlib.Path, settings: dict, part: str = ""):
        # What an earlier version of the program has written has other columns.
        self.settings = {**settings, "outcome": list(OUTCOME)}
        name = f".{output.stem}.{digest(self.settings)}.state{part}.json"
        self.path = output.with_name(name)
        self.saved = time.monotonic()
        self.stages: dict[str, dict] = self.read(self.path) or {}

    def read(self, path: pathlib.Path) -> dict[str, dict] | None:
        """The outcomes of a state with the same settings; None where there is none."""
        if not path.exists():
            return None
        try:
            state = json.loads(path.read_text())
        except ValueError:
            return None  # cut short by a full disk
        return state["stages"] if state["settings"] == self.settings else None

    def of(self, stage: str) -> dict:
        """A stage's outcomes so far, an entry an image, and the seconds it took."""
        nothing = {name: [] for name in ("index", *OUTCOME)}
        return self.stages.setdefault(stage, {**nothing, "seconds": 0.0})

    def add(self, found: dict[str, dict[str, list]], seconds: float) -> None:
        """A batch's outcomes, by stage: of all of them or, if interrupted, of none."""
        grown = {}
        for stage, values in found.items():
            before = self.of(stage)
            grown[stage] = {name: before.get(name, []) + new for name, new in values.items()}
            grown[stage]["seconds"] = before["seconds"] + seconds
        self.stages = {**self.stages, **grown}

    def share(self, stages: Sequence[str]) -> float:
        """The share of all images that these stages, one after the other, left standing."""
        return float(np.mean(self.shares(stages)))

    def shares(self, stages: Sequence[str]) -> np.ndarray:
        """By image, in the order of the clean ones: the product of what each stage left of it.

        A stage has not seen what those before it left nothing of.
        """
        left = 1.0
        for outcome in map(self.of, stages):
            found = dict(zip(outcome["index"], outcome["right"], strict=True))
            left = left * np.array([found.get(i, 0) for i in self.of("clean")["index"]], float)
        return left

    def right(self, stage: str) -> list[int]:
        """The indices of the images that the stage left standing, in any of its decisions."""
        outcome = self.of(stage)
        return [i for i, right in zip(outcome["index"], outcome["right"], strict=True) if right]

    def extremes(self, stages: Sequence[str]) -> tuple[float, float, float]:
        """The largest distance, the least and the greatest pixel of what stages have made.

        Of each image what fooled, or what the first of the stages has of it.
        """
        first = self.of(stages[0])
        last = {i: place for i, *place in zip(first["index"], *_reach(first), strict=True)}
        for outcome in map(self.of, stages[1:]):
            rows = zip(outcome["index"], outcome["right"], *_reach(outcome), strict=True)
            last.update({i: place for i, right, *place in rows if not right})
        distance, least, greatest = zip(*last.values(), strict=True)
        return max(distance), min(least), max(greatest)

    def save(self, force: bool = False) -> None:
        """Writes the state, at most every SAVE_EVERY_SECONDS unless forced."""
        if force or time.monotonic() - self.saved > SAVE_EVERY_SECONDS:
            write_json(self.path, {"settings": self.settings, "stages": self.stages})
            self.saved = time.monotonic()

    def remove(self) -> None:
        """Once the result is written, the state has served."""
        self.path.unlink(missing_ok=True)


def _reach(outcome: dict) -> tuple[list, ...]:
    return tuple(outcome[name] for name in ("distance", "least", "greatest"))
