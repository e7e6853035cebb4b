"""The names of attacks that --attacks and --val_attack take, and how they compose.

fgsm, pgd-20, autoattack        one attack, with the number of its steps
pgd-10/50/100                   one run that is judged after each of these steps
apgd-ce+square                  an ensemble: each attacks what the ones before left standing
transfer:pgd-20@RUN_DIR         made on another network
"""

import difflib
import re
from typing import NamedTuple

from robust_tf.errors import InputError

WITH_STEPS = ("pgd", "cw", "mifgsm", "pgd-targeted", "pgd-multitargeted", "shift")
WITHOUT = ("clean", "fgsm", "apgd-ce", "apgd-dlr", "apgd-t", "fab", "fab-t", "square", "nattack")
WITHOUT += ("cw-l2", "deepfool", "autoattack", "autoattack-plus", "autoattack-rand")
NAMES = (*WITHOUT, *(f"{kind}-K" for kind in WITH_STEPS))
# The names that need no gradient of the attacked network.
GRADIENT_FREE = ("clean", "square", "nattack", "transfer")


class AttackName(NamedTuple):
    """What a name says.

    Attributes:
      text: the name.
      kind: one of NAMES without its steps, ensemble or transfer.
      steps: after which the attack is judged; several are a sweep.
      parts: the stages of an ensemble, or what a transfer makes on its source.
      source: the network that a transfer is made on.
    """

    text: str
    kind: str
    steps: tuple[int, ...] = ()
    parts: tuple["AttackName", ...] = ()
    source: str = ""


def parse(text: str) -> AttackName:
    """What a name says; an unknown one gets the nearest known."""
    if text.startswith("transfer:"):
        name, at, source = text.removeprefix("transfer:").partition("@")
        if not at or not source:
            raise InputError(f"{text} names no source; expected transfer:{name}@RUN_DIR.")
        return AttackName(text, "transfer", parts=(_one(name),), source=source)
    if "+" in text:
        return AttackName(text, "ensemble", parts=tuple(_one(part) for part in text.split("+")))
    return _one(text)


def parse_for_validation(text: str) -> AttackName:
    """A name that means something while a network trains: of one attack on that network."""
    name = parse(text)
    if name.kind == "transfer" or len(name.steps) > 1:
        raise InputError(f"{text} is for evaluate; expected one attack, such as pgd-10.")
    return name


def gradient_free(name: AttackName) -> bool:
    """Whether the attack asks the attacked network for logits alone."""
    if name.kind == "ensemble":
        return all(gradient_free(part) for part in name.parts)
    return name.kind in GRADIENT_FREE


def _one(text: str) -> AttackName:
    if text in WITHOUT:
        return AttackName(text, text)
    kind, _, counts = text.rpartition("-")
    if kind not in WITH_STEPS or not re.fullmatch(r"[1-9]\d*(/[1-9]\d*)*", counts):
        raise _unknown(text)
    steps = tuple(int(count) for count in counts.split("/"))
    if list(steps) != sorted(set(steps)):
        raise InputError(f"{text} must name its numbers of steps in ascending order.")
    return AttackName(text, kind, steps)


def _unknown(text: str) -> InputError:
    steps = re.search(r"\d+", text)
    known = [name.replace("K", steps[0] if steps else "20") for name in NAMES]
    nearest = difflib.get_close_matches(text, known, n=1) or ["pgd-20"]
    return InputError(
        f"{text} is no attack; expected one of {', '.join(NAMES)} (K steps), perhaps {nearest[0]}."
    )
