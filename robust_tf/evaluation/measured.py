"""What a verdict on gradient masking is made from, and the lines that it is made of."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

NOT_RUN = "not run"


@dataclasses.dataclass(frozen=True)
class Measured:
    """Numbers alone; None is what was not measured.

    Attributes:
      attacks: a result's rows by attack, "clean" among them.
      sample: how many the first images are, of which the shares below are.
      clean: share of the first images that are right.
      fgsm: the same after FGSM, which was run on wrong ones too (a result's row is of right ones,
        and can never be above clean).
      huge: share of the right ones among them that an attack without bounds leaves standing.
      noise: for each of the first images, whether random noise leaves it right if it is so at all.
      restarts: share of the first images that is right after each restart of margin PGD.
      gradients: the victim has some.
      zero_gradients: share of the images whose gradient is zero.
    """

    attacks: dict[str, dict]
    sample: int = 100
    clean: float | None = None
    fgsm: float | None = None
    huge: float | None = None
    noise: Sequence[bool] | None = None
    restarts: Sequence[float] = ()
    gradients: bool = True
    zero_gradients: float | None = None


class Line(NamedTuple):
    """One measurement.

    Attributes:
      measure: what was measured.
      value: what came out.
      suspicious: it is a sign of masked gradients.
      meaning: what it means.
    """

    measure: str
    value: str
    suspicious: bool
    meaning: str


def line(measure: str, value: str, suspicious: bool, sign: str, otherwise: str) -> Line:
    """A line of the one meaning or the other."""
    return Line(measure, value, bool(suspicious), sign if suspicious else otherwise)


def more(difference: float, threshold: float, examples: int) -> bool:
    """Whether a share of so many examples is over the threshold, and more than one example."""
    return difference > max(threshold, 1 / examples) + 1e-9
