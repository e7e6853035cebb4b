"""How far a step of PGD goes: as far as is said, or as a rule says."""


def step_size(rule: str, given: float | None, steps: int, levels: int = 16) -> float | None:
    """The size of a step; None is PGD's own, a quarter of epsilon.

    Args:
      rule: quarter, or caad (paper 1: "we set epsilon = 16 and alpha = max(1, epsilon / n)", in
        levels of a pixel).
      given: what was said, which comes before the rule.
      steps: the n of the rule.
      levels: its epsilon; an evaluation's rule is that of 16 at every radius.
    """
    if given is None and rule == "caad":
        return max(1, levels / max(1, steps)) / 255
    return given
