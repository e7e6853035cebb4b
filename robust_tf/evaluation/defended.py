"""What a result says of a defence, and of decisions that are random.

Attacks one after the other ask a random defence several times, and each time the image may be lost
without any attack. The control asks as often about the clean image.
"""

import dataclasses

import numpy as np

from robust_tf.attacks import Attack, stages
from robust_tf.evaluation.decisions import right_each_time, standard_error
from robust_tf.evaluation.state import State


@dataclasses.dataclass(frozen=True)
class Decisions:
    """How often a judge decides, which is more than once where it is random.

    Attributes:
      attacked: on each attacked image.
      clean: on each image as it is.
      submissions: numbers of times that the clean image is submitted.
    """

    attacked: int = 1
    clean: int = 1
    submissions: tuple[int, ...] = ()

    @classmethod
    def enough(
        cls, attacked: int, attacks: dict[str, Attack], submissions: tuple[int, ...]
    ) -> "Decisions":
        """As many on the clean image as its attacked ones, and the submissions, need."""
        most = max(attacked, asked(attacks), *submissions) if attacked > 1 else 1
        return cls(attacked, most, submissions)


def asked(attacks: dict[str, Attack]) -> int:
    """How often an image is decided that stands to the end: once by each stage of each attack.

    Args:
      attacks: by name, "clean" among them.
    """
    return sum(len(stages(name, attack)) for name, attack in attacks.items())


def row(name: str, attack: Attack, state: State, decisions: Decisions) -> dict:
    """What a row of the result has besides."""
    keys = list(stages(name, attack))
    found = {}
    error = standard_error(_shares([] if name == "clean" else keys, state, decisions))
    if error is not None:
        found["standard_error"] = error
    outcome = state.of(keys[0])
    if "steps" in outcome:
        found["defense"] = {
            "median_steps": float(np.median(outcome["steps"])),
            "most_steps": float(np.max(outcome["steps"])),
            "converged": float(np.mean(outcome["converged"])),
            "median_induced": float(np.median(outcome["induced"])),
        }
    return found


def whole(attacks: dict[str, Attack], state: State, decisions: Decisions) -> dict:
    """What the result has besides: nothing of a judge that is not random."""
    if decisions.attacked == 1:
        return {}
    clean, n = state.shares(["clean"]), decisions.clean
    keys = [key for name, one in attacks.items() if name != "clean" for key in stages(name, one)]
    times = asked(attacks)
    return {
        "standard_error": standard_error(_shares(keys, state, decisions)),
        "decisions": {"clean": decisions.clean, "attacked": decisions.attacked},
        "control": {"decisions": times, "accuracy": right_each_time(clean, n, times)},
        "submissions": {str(m): right_each_time(clean, n, m) for m in decisions.submissions},
    }


def _shares(keys: list[str], state: State, decisions: Decisions) -> list[tuple[np.ndarray, int]]:
    attacked = [(state.shares([key]), decisions.attacked) for key in keys]
    return [(state.shares(["clean"]), decisions.clean), *attacked]
