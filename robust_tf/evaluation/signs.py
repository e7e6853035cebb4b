"""Signs of masked gradients in single numbers: what should be zero and is not."""

import numpy as np

from robust_tf.evaluation.cautions import kind
from robust_tf.evaluation.comparisons import ensembles
from robust_tf.evaluation.measured import Line, Measured, line, more

# Without bounds any image can be made any other: one in a hundred may be a search that got stuck.
HUGE_LEAVES = 0.01
# What attacks left standing, noise does not fool unless they overlooked what is near.
NOISE_FOOLS = 0.01
# A search that is nearly done finds less than this in the second half of its restarts.
RESTARTS_FIND = 0.01
# Losses of two outputs find slightly different images; a squeeze that hides some hides more.
SQUEEZE_HIDES = 0.01


def label_leaking(measured: Measured) -> Line | None:
    """FGSM against clean, on the same images."""
    if measured.fgsm is None:
        return None
    return line(
        "FGSM against clean",
        f"fgsm {measured.fgsm:.1%}, clean {measured.clean:.1%}",
        measured.fgsm > measured.clean,
        "label leaking: the network reads the label off FGSM's step",
        "a step against the label does not help the network",
    )


def huge_epsilon(measured: Measured) -> Line | None:
    """What an attack without bounds leaves standing."""
    if measured.huge is None:
        return None
    return line(
        "huge epsilon",
        f"{measured.huge:.1%} left",
        measured.huge > HUGE_LEAVES,
        "any image is within reach, and the gradients lead to none that fools: they are masked",
        "where any image is within reach, the gradients lead to one that fools",
    )


def noise(measured: Measured) -> Line | None:
    """Random noise on what gradients (or, where none were used, all attacks) left standing."""
    if measured.noise is None:
        return None
    rows, stays = measured.attacks, np.array(measured.noise, bool)
    chosen = [name for name in rows if kind(name) in ("white-box", "ensemble")] or list(rows)
    standing = np.all([rows[name]["per_image"][: len(stays)] for name in chosen], axis=0)
    if not standing.any():
        return None
    fooled = float(np.mean(~stays[standing]))
    return line(
        "random noise",
        f"fools {fooled:.1%} of {np.sum(standing)} left",
        more(fooled, NOISE_FOOLS, int(np.sum(standing))),
        "noise within epsilon fools where attacks did not: they overlook what is near",
        "noise within epsilon finds nothing that the attacks did not",
    )


def zero_gradients(measured: Measured) -> Line | None:
    """Images that give an attack no direction."""
    if not measured.gradients:
        meaning = "white-box attacks are impossible: the accuracies rest on those without gradients"
        return Line("gradients", "none", True, meaning)
    if measured.zero_gradients is None:
        return None
    return line(
        "zero gradients",
        f"{measured.zero_gradients:.1%} of images",
        measured.zero_gradients > 0,
        "where the gradient is zero in every pixel an attack does not move",
        "every image gives attacks a direction",
    )


def restarts(measured: Measured) -> Line | None:
    """What the second half of the restarts still found."""
    after = measured.restarts
    if len(after) < 2:
        return None
    half = (len(after) + 1) // 2
    return line(
        "restarts",
        ", ".join(f"{after[n - 1]:.1%} after {n}" for n in sorted({1, half, len(after)})),
        more(after[half - 1] - after[-1], RESTARTS_FIND, measured.sample),
        "restarts keep finding: more of them, or a better attack, would find more",
        "the last restarts find little that the first did not",
    )


def squeeze(measured: Measured) -> Line | None:
    """What an attack on before_squeeze found beside the same on the logits, where it is most."""
    rows = {n: row["outputs"] for n, row in measured.attacks.items() if "outputs" in row}
    for name, stages in ensembles(measured).items():
        pairs = {before: before.partition("@")[0] for before in stages if "@" in before}
        rows |= {
            f"{name}'s {after}": {"logits": stages[after], "both": stages[before]}
            for before, after in pairs.items()
        }
    hidden = {name: left["logits"] - left["both"] for name, left in rows.items()}
    if not hidden:
        return None
    name = max(hidden, key=hidden.get)
    return line(
        "before the squeeze against after",
        f"{name} {rows[name]['both']:.1%} on both, {rows[name]['logits']:.1%} after it",
        more(hidden[name], SQUEEZE_HIDES, _examples(measured)),
        "the squeeze hides gradients: an attack on the logits alone flatters the network",
        "the squeeze does not hide gradients",
    )


def _examples(measured: Measured) -> int:
    return len(measured.attacks["clean"]["per_image"])
