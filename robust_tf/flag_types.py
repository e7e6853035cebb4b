"""Kinds of flags: numbers that may be fractions, counts, names from a table; each checks itself."""

from fractions import Fraction

from absl import flags

from robust_tf.errors import unknown

# The flags belong to the module that calls these functions.
flags.disclaim_key_flags()


class _FractionParser(flags.ArgumentParser):
    """A number, or a fraction such as 8/255."""

    syntactic_help = "a number or a fraction such as 8/255"

    def parse(self, argument):
        if not isinstance(argument, str):
            return float(argument)
        try:
            return float(Fraction(argument.replace(" ", "")))
        except (ValueError, ZeroDivisionError):
            raise ValueError("expected a number or a fraction such as 8/255") from None

    def flag_type(self):
        return "number or fraction"


def number(name: str, default, text: str, *, low: float = 0.0, high: float = float("inf")):
    """A flag for a number in [low, high], or for none where its default is None."""
    flags.DEFINE(_FractionParser(), name, default, text, serializer=flags.ArgumentSerializer())
    bounds = f"at least {low:g}" if high == float("inf") else f"from {low:g} to {high:g}"
    flags.register_validator(
        name, lambda v: v is None or low <= v <= high, message=f"expected a number {bounds}"
    )


def count(name: str, default, text: str, *, low: int = 0):
    """A flag for a whole number, at least `low`, or for none where its default is None."""
    flags.DEFINE_integer(name, default, text)
    flags.register_validator(
        name, lambda v: v is None or v >= low, message=f"expected a whole number, at least {low}"
    )


def choice(name: str, default, choices: tuple[str, ...], text: str):
    """A flag whose value is one of a few names; a wrong one is answered with the nearest."""
    flags.DEFINE_string(name, default, f"<{'|'.join(choices)}>: {text}")

    def check(value):
        if value is None or value in choices:
            return True
        raise flags.ValidationError(str(unknown(f"--{name}", value, choices)))

    flags.register_validator(name, check)


def name(name: str, default, text: str):
    """A flag for text that must not be empty: the part it belongs to knows the valid ones."""
    flags.DEFINE_string(name, default, text)
    flags.register_validator(name, lambda v: v != "", message="expected text, not an empty string")
