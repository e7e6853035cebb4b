"""What the findings of `sanity` mean for the attacks that are about to run.

for sentence in warnings(findings, ["clean", "pgd-20", "autoattack"]):
    print(sentence)
"""

import re

from robust_tf.evaluation.sanity import Findings

# Classes that the DLR loss and its targeted form need, and the attacks that need them.
CLASSES_NEEDED = {
    "apgd-dlr": 3,
    "autoattack-rand": 3,
    "apgd-t": 4,
    "autoattack": 4,
    "autoattack-plus": 4,
}
TARGETS = 9
WITH_TARGETS = ("apgd-t", "fab-t", "autoattack", "autoattack-plus")


def needed(name: str) -> int:
    """How many classes the victim must have for an attack."""
    return CLASSES_NEEDED.get(_without_counts(name), 0)


def kind(name: str) -> str:
    """What an attack looks at: another network (transfer), answers alone (black-box), and so on.

    Args:
      name: the attack's, as --attacks takes it, or a stage's. An ensemble is of its parts' kind
        where they have one in common.
    """
    patterns = {
        "clean": r"clean",
        "transfer": r"transfer:.*",
        "ensemble": r"autoattack.*",
        "black-box": r"square|nattack",
        "unbounded": r"cw-l2|deepfool",
    }
    found = (known for known, pattern in patterns.items() if re.fullmatch(pattern, name))
    if "+" in name and not name.startswith("transfer:"):
        kinds = {kind(part) for part in name.split("+")}
        return kinds.pop() if len(kinds) == 1 else "ensemble"
    return next(found, "white-box")


def warnings(findings: Findings, attacks: list[str]) -> list[str]:
    """One sentence for each thing that was found and matters for these attacks.

    Args:
      findings: of the victim.
      attacks: the names of those that are about to run.
    """
    attacks = [name for name in attacks if kind(name) != "clean"]
    if not attacks:
        return []
    use_gradients = [n for n in attacks if kind(n) in ("white-box", "ensemble", "unbounded")]
    return [
        *_random(findings, attacks),
        *_outputs(findings, use_gradients),
        *_gradients(findings, attacks, use_gradients),
        *_classes(findings, attacks),
    ]


def _random(findings: Findings, attacks: list[str]) -> list[str]:
    averages = re.compile(r"autoattack-rand|.*-eot\d+(@.*)?")
    single = [name for name in attacks if not averages.fullmatch(name)]
    if not (findings.random and single):
        return []
    return [
        "The same images gave different logits from draw to draw: the victim is random, and "
        f"autoattack-rand, which averages draws, is what it wants; {', '.join(single)} may "
        "flatter it."
    ]


def _outputs(findings: Findings, use_gradients: list[str]) -> list[str]:
    if not use_gradients:
        return []
    names = ", ".join(use_gradients)
    if findings.probabilities:
        return [
            "Every image's logits lie in [0, 1] and sum to 1: they are probabilities, which flatten"
            f" the gradients of {names}; give the victim's logits instead."
        ]
    if not findings.bounded:
        return []
    measured = "No logit is larger than 1, however strong an image's contrast: the head is bounded"
    if findings.before_squeeze:
        return [f"{measured}; before its squeeze (before_squeeze) it meets {names} as well."]
    return [f"{measured}; it meets {names} only after its squeeze, which flatters it."]


def _gradients(findings: Findings, attacks: list[str], use_gradients: list[str]) -> list[str]:
    if not use_gradients:
        return []
    names = ", ".join(use_gradients)
    if not findings.gradients:
        return [
            "The victim has no gradient with respect to its images: only square, nattack and "
            f"transfer attacks are possible, and {names} are not."
        ]
    if not findings.zero_gradients:
        return []
    with_square = ("autoattack", "autoattack-plus")
    blind = [name for name in attacks if kind(name) == "black-box" or name in with_square]
    instead = f"trust {', '.join(blind)} more" if blind else "run square as well"
    return [
        "The gradient of cross-entropy or of DLR is zero in every pixel of "
        f"{findings.zero_gradients:.1%} of the images: {names} can find no way there; {instead}."
    ]


def _classes(findings: Findings, attacks: list[str]) -> list[str]:
    classes, found = findings.classes, []
    # Of an ensemble of the user's, each part.
    attacks = [part for name in attacks for part in name.split("+")]
    few = [name for name in attacks if needed(name) > classes]
    if few:
        found.append(
            f"The victim has {classes} classes: {', '.join(few)} cannot run, since DLR needs 3 and "
            "targeted DLR 4; apgd-ce and square can."
        )
    many = [name for name in attacks if _without_counts(name) in WITH_TARGETS and name not in few]
    if many and TARGETS + 1 > classes:
        found.append(
            f"The victim has {classes} classes: {', '.join(many)} aim at its {classes - 1} wrong "
            f"ones and not at {TARGETS}."
        )
    return found


def _without_counts(name: str) -> str:
    """apgd-t of apgd-t-20-eot10."""
    return re.sub(r"(-\d+)?(-eot\d+)?$", "", name)
