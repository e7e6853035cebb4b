"""A verdict on gradient masking, from numbers: what each shows and means.

    lines = verdict(measured)
    print(verdict_table(lines))

The signs are those of Athalye et al. 2018 (https://arxiv.org/abs/1802.00420, section 3.1) and of
Carlini et al. 2019 (https://arxiv.org/abs/1902.06705): a gradient that misleads attacks shows where
something weaker finds more. Without any sign a network may still not be robust.
"""

from tabulate import tabulate

from robust_tf.evaluation import comparisons, signs
from robust_tf.evaluation.measured import NOT_RUN, Line, Measured

# Of the last column, so that a row fits an ordinary terminal without breaking its other cells.
MEANING_WIDTH = 40


def verdict(measured: Measured) -> list[Line]:
    """A line for every measurement that was made, or whose lack leaves a gap."""
    found = (
        signs.label_leaking(measured),
        comparisons.one_step(measured),
        comparisons.black_box(measured),
        comparisons.square_after_white_box(measured),
        comparisons.transfer(measured),
        signs.huge_epsilon(measured),
        signs.noise(measured),
        signs.zero_gradients(measured),
        signs.restarts(measured),
        signs.squeeze(measured),
    )
    return [line for line in found if line is not None]


def summary(lines: list[Line]) -> str:
    """One sentence, which never says that a network is robust."""
    made = [line for line in lines if not line.value.endswith(NOT_RUN)]
    suspicious = [line.measure for line in made if line.suspicious]
    if not made:
        return "Nothing was measured that could show masked gradients."
    if not suspicious:
        return f"Nothing suspicious in {_count(made, 'measurement')}, which proves no robustness."
    return (
        f"{_count(suspicious, 'sign')} of masked gradients ({'; '.join(suspicious)}): the network "
        "may be less robust than its accuracies under attack say."
    )


def verdict_table(lines: list[Line]) -> str:
    """A measurement a row, and the summary below."""
    if not lines:
        return summary(lines)
    rows = [
        [line.measure, line.value, "suspicious" if line.suspicious else "", line.meaning]
        for line in lines
    ]
    table = tabulate(
        rows,
        ["gradient masking", "measured", "", "meaning"],
        disable_numparse=True,
        maxcolwidths=[None, None, None, MEANING_WIDTH],
    )
    return f"{table}\n\n{summary(lines)}"


def _count(things: list, name: str) -> str:
    return f"{len(things)} {name}{'s' if len(things) > 1 else ''}"
