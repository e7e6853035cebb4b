"""The names of attacks that --attacks and --val_attack take, and how they compose.

fgsm, pgd-20, autoattack        one attack, with the number of its steps
pgd-10/50/100                   one run that is judged after each of these steps
apgd-ce+square                  an ensemble: each attacks what the ones before left standing
transfer:pgd-20@RUN_DIR         made on another network
apgd-t-20, fab-t-20             with fewer (or more) steps a run than their papers' 100
apgd-ce-eot10                   each step of APGD averages ten draws of a random victim
apgd-lf:-3.16                   APGD on cross-entropy - 3.16 max(L_F, delta): Active Defense in mind
"""

import difflib
import re
from collections.abc import Sequence
from typing import NamedTuple

from robust_tf.errors import InputError

WITH_STEPS = ("pgd", "cw", "mifgsm", "pgd-targeted", "pgd-multitargeted", "shift")
WITHOUT = ("clean", "fgsm", "apgd-ce", "apgd-dlr", "apgd-t", "fab", "fab-t", "square", "nattack")
WITHOUT += ("cw-l2", "deepfool", "autoattack", "autoattack-plus", "autoattack-rand", "apgd-steps")
WITH_WEIGHT = ("apgd-lf",)
# The names that say another number of steps than their papers' where they end in one.
OF_100_STEPS = ("apgd-ce", "apgd-dlr", "apgd-t", "apgd-lf", "apgd-steps", "fab", "fab-t")
NAMES = (*WITHOUT, *(f"{kind}-K" for kind in WITH_STEPS), *(f"{kind}:W" for kind in WITH_WEIGHT))
# The names that can average draws of a random victim.
WITH_EOT = ("apgd-ce", "apgd-dlr", "apgd-t", "apgd-lf", "apgd-steps")
# The names that look at the features that Active Defense smooths, which only a stand-in shows.
OF_FEATURES = ("apgd-lf", "apgd-steps")
# The names that need no gradient of the attacked network.
GRADIENT_FREE = ("clean", "square", "nattack", "transfer")
# The names that look for the nearest adversarial image, at whatever distance.
UNBOUNDED = ("cw-l2", "deepfool")
# The names that lead to a class that is asked for (--targeted).
CAN_AIM = ("clean", "fgsm", "pgd", "cw", "mifgsm", "pgd-targeted", "shift")


class AttackName(NamedTuple):
    """What a name says.

    Attributes:
      text: the name.
      kind: one of NAMES without its steps, ensemble or transfer.
      steps: after which the attack is judged; several are a sweep.
      parts: the stages of an ensemble, or what a transfer makes on its source.
      source: the network that a transfer is made on.
      weight: of the term that the loss has beside cross-entropy.
      run: steps of each run, in place of the paper's; 0 leaves it to that.
      eot: draws of a random victim that each step averages.
    """

    text: str
    kind: str
    steps: tuple[int, ...] = ()
    parts: tuple["AttackName", ...] = ()
    source: str = ""
    weight: float = 0.0
    run: int = 0
    eot: int = 1


def parse(text: str) -> AttackName:
    """What a name says; an unknown one gets the nearest known."""
    if text.startswith("transfer:"):
        name, at, source = text.removeprefix("transfer:").partition("@")
        if not at or not source:
            raise InputError(f"{text} names no source; expected transfer:{name}@RUN_DIR.")
        part = _part(name, text)
        if part.kind in UNBOUNDED or part.kind.startswith("autoattack"):
            raise InputError(f"{text} cannot be; {name} stops where its source is fooled.")
        return AttackName(text, "transfer", parts=(part,), source=source)
    if "+" in text:
        parts = tuple(_part(part, text) for part in text.split("+"))
        if len(set(parts)) < len(parts):
            raise InputError(f"{text} names a part twice, which would find the same.")
        return AttackName(text, "ensemble", parts=parts)
    return _one(text)


def rows(names: Sequence[str]) -> list[str]:
    """The rows that a result has of these attacks: a sweep has one for each of its numbers."""
    said = [parse(name) for name in names]
    return [
        row
        for name in said
        for row in ([f"{name.kind}-{K}" for K in name.steps] if name.steps else [name.text])
    ]


def can_aim(name: AttackName) -> bool:
    """Whether the attack can be told the class that it leads to."""
    parts = name.parts if name.kind == "transfer" else (name,)
    return all(part.kind in CAN_AIM for part in parts)


def parse_for_validation(text: str) -> AttackName:
    """A name that means something while a network trains: of one attack on that network."""
    name = parse(text)
    kinds = {name.kind, *(part.kind for part in name.parts)}
    if len(name.steps) > 1 or kinds & {"transfer", "shift", *UNBOUNDED, *OF_FEATURES}:
        raise InputError(f"{text} is for evaluate; expected one attack, such as pgd-10.")
    return name


def gradient_free(name: AttackName) -> bool:
    """Whether the attack asks the attacked network for logits alone."""
    if name.kind == "ensemble":
        return all(gradient_free(part) for part in name.parts)
    return name.kind in GRADIENT_FREE


def _part(text: str, whole: str) -> AttackName:
    part = _one(text)
    if len(part.steps) > 1:
        raise InputError(f"{whole} has a sweep in it; expected one number of steps in {text}.")
    return part


def _one(text: str) -> AttackName:
    averaged = re.fullmatch(r"(.+)-eot([1-9]\d*)", text)
    if averaged:
        name = _one(averaged[1])
        if name.kind not in WITH_EOT:
            raise InputError(f"{text} cannot be; only {', '.join(WITH_EOT)} average draws.")
        return name._replace(text=text, eot=int(averaged[2]))
    if text in WITHOUT:
        return AttackName(text, text)
    kind, _, weight = text.partition(":")
    if kind in WITH_WEIGHT and re.fullmatch(r"-?\d+(\.\d+)?", weight):
        return AttackName(text, kind, weight=float(weight))
    kind, _, counts = text.rpartition("-")
    if kind.partition(":")[0] in OF_100_STEPS and re.fullmatch(r"[1-9]\d*", counts):
        return _one(kind)._replace(text=text, run=int(counts))
    if kind not in WITH_STEPS or not re.fullmatch(r"[1-9]\d*(/[1-9]\d*)*", counts):
        raise _unknown(text)
    steps = tuple(int(count) for count in counts.split("/"))
    if list(steps) != sorted(set(steps)):
        raise InputError(f"{text} must name its numbers of steps in ascending order.")
    if kind == "pgd-multitargeted" and len(steps) > 1:
        raise InputError(f"{text} is no sweep: it begins anew for each class; expected one number.")
    return AttackName(text, kind, steps)


def _unknown(text: str) -> InputError:
    steps = re.search(r"\d+", text)
    known = [name.replace("K", steps[0] if steps else "20").replace("W", "1") for name in NAMES]
    nearest = difflib.get_close_matches(text, known, n=1) or ["pgd-20"]
    return InputError(
        f"{text} is no attack; expected one of {', '.join(NAMES)} (K steps, W a number), perhaps "
        f"{nearest[0]}."
    )
