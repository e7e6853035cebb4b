"""The names of attacks that --attacks and --val_attack take: clean, fgsm, pgd-K, cw-K."""

import difflib
import re
from typing import NamedTuple

from robust_tf.errors import InputError

NAMES = ("clean", "fgsm", "pgd-K", "cw-K")


class AttackName(NamedTuple):
    """What a name says."""

    kind: str
    steps: int


def parse(name: str) -> AttackName:
    """clean and fgsm; pgd-20 is 20 steps of PGD on cross-entropy, cw-20 on the margin."""
    if name in ("clean", "fgsm"):
        return AttackName(name, int(name == "fgsm"))
    match = re.fullmatch(r"(pgd|cw)-([1-9]\d*)", name)
    if not match:
        steps = re.search(r"\d+", name)
        known = [known.replace("K", steps[0] if steps else "20") for known in NAMES]
        nearest = difflib.get_close_matches(name, known, n=1) or known[-2:-1]
        raise InputError(
            f"{name} is no attack; expected one of {', '.join(NAMES)} (K steps), "
            f"perhaps {nearest[0]}."
        )
    return AttackName(match[1], int(match[2]))
