"""Signs of masked gradients in a result's rows: a weaker attack that finds more than a stronger."""

import itertools
import re

from robust_tf.evaluation.cautions import kind
from robust_tf.evaluation.measured import NOT_RUN, Line, Measured, line, more

# Between two attacks that are as strong as each other, accuracies differ by an image or so.
NOTICEABLE = 0.002
# The reference's, of AutoAttack's Square after the white-box stages.
SQUARE_FINDS = 0.002

Accuracies = dict[str, float]


def one_step(measured: Measured) -> Line | None:
    """One step of the gradient against many."""
    one, many = _single_steps(measured), white_box(measured)
    if not (one and many):
        return None
    return line(
        "one step against many",
        f"{_strongest(one)}, {_strongest(many)}",
        _stronger(one, many, measured),
        "one step finds more than many: the gradient is right nearby and misleads further on",
        "many steps find no less than one",
    )


def black_box(measured: Measured) -> Line | None:
    """Attacks without gradients against those with."""
    black, white = _of_kind(measured, "black-box"), white_box(measured)
    measure = "black-box against white-box"
    if not white:
        meaning = (
            "no attack followed the gradients for several steps: accuracies may be far too high"
        )
        return Line(measure, f"white-box {NOT_RUN}", False, meaning)
    if not black and "square" in {_last(s) for one in ensembles(measured).values() for s in one}:
        return None
    if not black:
        meaning = "without square, nattack or autoattack masked gradients can go unseen"
        return Line(measure, f"black-box {NOT_RUN}", False, meaning)
    return line(
        measure,
        f"{_strongest(black)}, {_strongest(white)}",
        _stronger(black, white, measured),
        "more is found without gradients than with them: they are masked",
        "gradients find no less than answers alone",
    )


def square_after_white_box(measured: Measured) -> Line | None:
    """What Square takes from the images that an ensemble's stages before it left standing."""
    drops = {}
    for name, stages in ensembles(measured).items():
        for (_, before), (stage, after) in itertools.pairwise(stages.items()):
            if _last(stage) == "square":
                drops[name] = before - after
    if not drops:
        return None
    name = max(drops, key=drops.get)
    return line(
        "Square after white-box",
        # 0.0 minus, so that nothing is not -0.0.
        f"{name} {0.0 - drops[name]:+.1%}",
        # Like the reference, without allowance for one image of few.
        drops[name] > SQUARE_FINDS + 1e-9,
        "Square finds what the stages with gradients missed: the gradients are masked",
        "Square hardly finds what the stages with gradients missed",
    )


def transfer(measured: Measured) -> Line | None:
    """What fools another network and is tried on this one, against white-box attacks."""
    transferred, white = _of_kind(measured, "transfer"), white_box(measured)
    if not (transferred and white):
        return None
    return line(
        "transfer against white-box",
        f"{_strongest(transferred)}, {_strongest(white)}",
        _stronger(transferred, white, measured),
        "another network's gradients find more than its own: its own are masked",
        "its own gradients find no less than another network's",
    )


def white_box(measured: Measured) -> Accuracies:
    """White-box attacks of several steps, and the stages of ensembles before a black-box one."""
    one = _single_steps(measured)
    found = {n: a for n, a in _of_kind(measured, "white-box").items() if n not in one}
    for name, stages in ensembles(measured).items():
        for stage in itertools.takewhile(lambda s: kind(_last(s)) == "white-box", stages):
            found[f"{name}/{stage}"] = stages[stage]
    return found


def _of_kind(measured: Measured, wanted: str) -> Accuracies:
    rows = measured.attacks.items()
    return {name: row["accuracy"] for name, row in rows if kind(name) == wanted}


def _single_steps(measured: Measured) -> Accuracies:
    white = _of_kind(measured, "white-box")
    return {name: white[name] for name in white if re.fullmatch(r"fgsm|[^+]*-1", name)}


def ensembles(measured: Measured) -> dict[str, Accuracies]:
    """What each stage left standing, by ensemble (an attack on two outputs has stages as well)."""
    return {
        name: {stage: one["accuracy"] for stage, one in row["stages"].items()}
        for name, row in measured.attacks.items()
        if kind(name) == "ensemble" and "stages" in row
    }


def _last(stage: str) -> str:
    """A stage's own name, where an ensemble is part of another."""
    return stage.split("/")[-1]


def _strongest(accuracies: Accuracies) -> str:
    name = min(accuracies, key=accuracies.get)
    return f"{name} {accuracies[name]:.1%}"


def _stronger(weaker: Accuracies, stronger: Accuracies, measured: Measured) -> bool:
    """Whether the attacks that should be weaker leave fewer standing."""
    difference = min(stronger.values()) - min(weaker.values())
    return more(difference, NOTICEABLE, len(measured.attacks["clean"]["per_image"]))
