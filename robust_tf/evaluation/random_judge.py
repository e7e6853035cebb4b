"""What a result says of a defence, and of decisions that are random.

Attacks one after the other ask a random defence several times, and each time the image may be lost
without any attack. The control asks as often about the clean image.
"""

import dataclasses

import numpy as np

from robust_tf.attacks import Attack, stages
from robust_tf.evaluation.decisions import (
    KEPT_OF_A_DEFENCE,
    right_each_time,
    standard_error,
    under_the_worst,
)
from robust_tf.evaluation.state import State


@dataclasses.dataclass(frozen=True)
class Decisions:
    """How often a judge decides, which is more than once where it is random.

    Attributes:
      attacked: on each attacked image.
      clean: on each image as it is.
      submissions: numbers of times that an image is submitted: of an attacked one, as far as it
        was decided that often.
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


def row(name: str, attack: Attack, state: State, decisions: Decisions, joint: bool) -> dict:
    """What a row of the result has besides.

    Args:
      name: of the attack.
      attack: or PGD of no steps, of "clean".
      state: the outcomes of all stages.
      decisions: how often each image was decided.
      joint: the row counts what is right unattacked, too.
    """
    keys = list(stages(name, attack))
    found = {}
    clean = [(state.shares(["clean"]), decisions.clean)] if joint or name == "clean" else []
    attacked = [] if name == "clean" else _attacked(keys, state, decisions)
    error = standard_error([*clean, *attacked])
    if error is not None:
        found["standard_error"] = error
    if decisions.attacked > 1 and joint:
        found["control"] = right_each_time(*clean[0], 1 + len(keys))
    times = [m for m in decisions.submissions if m <= decisions.attacked]
    if times and attacked:
        # Of an ensemble, the images of the stage that leaves least.
        found["submissions"] = {
            str(m): min(right_each_time(*each, m) for each in attacked) for m in times
        }
    return {**found, **_loops([state.of(key) for key in keys])}


def _loops(outcomes: list[dict]) -> dict:
    """What the defence's loops did, over all stages."""
    if not outcomes[0].get("steps"):
        return {}
    of = {
        name: np.concatenate([outcome.get(name, []) for outcome in outcomes])
        for name in KEPT_OF_A_DEFENCE
    }
    return {
        "defense": {
            "median_steps": float(np.median(of["steps"])),
            "most_steps": int(np.max(of["longest"])),
            "converged": float(np.mean(of["converged"])),
            "median_induced": float(np.median(of["induced"])),
        }
    }


def whole(attacks: dict[str, Attack], state: State, decisions: Decisions) -> dict:
    """What the result has besides: nothing of a judge that is not random."""
    if decisions.attacked == 1:
        return {}
    clean, n = state.shares(["clean"]), decisions.clean
    parts = [list(stages(name, one)) for name, one in attacks.items() if name != "clean"]
    attacked = _attacked([key for keys in parts for key in keys], state, decisions)
    times = {2, asked(attacks), *(1 + len(keys) for keys in parts)}
    worst = under_the_worst([share for share, _ in attacked], decisions.attacked)
    return {
        "standard_error": standard_error([(clean, n), *attacked]),
        "pointwise_worst": float(np.mean(clean * worst)),
        "decisions": {"clean": n, "attacked": decisions.attacked},
        "control": {str(m): right_each_time(clean, n, m) for m in sorted(times) if m <= n},
        "submissions": {str(m): right_each_time(clean, n, m) for m in decisions.submissions},
    }


def _attacked(keys: list[str], state: State, decisions: Decisions) -> list[tuple[np.ndarray, int]]:
    return [(state.shares([key]), decisions.attacked) for key in keys]
