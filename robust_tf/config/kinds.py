"""Kinds of flags: numbers that may be fractions, counts, switches, names from a table."""

from collections.abc import Callable
from fractions import Fraction

from absl import flags

from robust_tf.errors import InputError, unknown

# The flags belong to the module that calls these functions.
flags.disclaim_key_flags()


class _FractionParser(flags.ArgumentParser):
    """A number, or a fraction such as 8/255."""

    syntactic_help = "a number or a fraction such as 8/255"

    def parse(self, argument):
        if not isinstance(argument, str):
            return float(argument)
        try:
            above, _, below = argument.replace(" ", "").partition("/")
            return float(Fraction(above) / Fraction(below or 1))
        except (ValueError, ArithmeticError):
            raise ValueError("expected a number or a fraction such as 8/255") from None

    def flag_type(self):
        return "number or fraction"


class _CountParser(flags.IntegerParser):
    """A whole number; absl's own message is Python's."""

    def __init__(self, expected: str, none: bool):
        super().__init__()
        self.expected = expected
        self.none = none

    def parse(self, argument):
        if self.none and argument == "none":
            return None
        try:
            return super().parse(argument)
        except (TypeError, ValueError):
            raise ValueError(self.expected) from None


class _CountsParser(flags.ArgumentParser):
    """Whole numbers with commas between them."""

    def parse(self, argument):
        try:
            return tuple(int(part) for part in argument.split(",") if argument)
        except ValueError:
            raise ValueError("expected whole numbers, as in 100,150") from None


class _CountsSerializer(flags.ArgumentSerializer):
    def serialize(self, value):
        return ",".join(str(number) for number in value)


class _SwitchParser(flags.BooleanParser):
    """True or false; absl's own message is a tuple."""

    def parse(self, argument):
        try:
            return super().parse(argument)
        except (TypeError, ValueError):
            raise ValueError("expected true or false") from None


def number(name: str, default, text: str, *, low: float = 0.0, high: float = float("inf")):
    """A flag for a number in [low, high], or for none where its default is None."""
    flags.DEFINE(_FractionParser(), name, default, text, serializer=flags.ArgumentSerializer())
    bounds = f"at least {low:g}" if high == float("inf") else f"from {low:g} to {high:g}"
    flags.register_validator(
        name, lambda v: v is None or low <= v <= high, message=f"expected a number {bounds}"
    )


def count(
    name: str, default, text: str, *, low: int = 0, high: int | None = None, none: bool = False
):
    """A flag for a whole number in [low, high], or for none where its default is None.

    With `none`, --NAME=none is a value too.
    """
    bounds = f"at least {low}" if high is None else f"from {low} to {high}"
    expected = f"expected a whole number, {bounds}" + (", or none" if none else "")
    serializer = flags.ArgumentSerializer()
    flags.DEFINE(_CountParser(expected, none), name, default, text, serializer=serializer)
    top = float("inf") if high is None else high
    flags.register_validator(name, lambda v: v is None or low <= v <= top, message=expected)


def counts(name: str, text: str):
    """A flag for ascending whole numbers, none of them unless given."""
    flags.DEFINE(_CountsParser(), name, "", text, serializer=_CountsSerializer())
    flags.register_validator(
        name,
        lambda v: min(v, default=1) > 0 and list(v) == sorted(set(v)),
        message="expected ascending whole numbers, as in 100,150",
    )


def switch(name: str, default: bool, text: str):
    """A flag that is on or off: --NAME, --noNAME or --NAME=true."""
    flag = flags.BooleanFlag(name, default, text)
    flag.parser = _SwitchParser()
    flags.DEFINE_flag(flag)


def choice(name: str, default, choices: tuple[str, ...], text: str):
    """A flag whose value is one of a few names; a wrong one is answered with the nearest."""
    flags.DEFINE_string(name, default, f"<{'|'.join(choices)}>: {text}")

    def refuse(value):
        if value not in choices:
            raise unknown(f"--{name}", value, choices)

    check(name, refuse)


def checked(name: str, refuse: Callable[[str], object], text: str):
    """A flag for text, none unless given, that a function refuses with an InputError."""
    flags.DEFINE_string(name, None, text)
    check(name, refuse)


def check(name: str, refuse: Callable[..., object]):
    """Holds a flag's value, where it has one, to a function that may raise an InputError."""

    def valid(value):
        try:
            if value is not None:
                refuse(value)
        except InputError as error:
            raise flags.ValidationError(str(error)) from error
        return True

    flags.register_validator(name, valid)


def name(name: str, default, text: str):
    """A flag for text that must not be empty: the part it belongs to knows the valid ones."""
    flags.DEFINE_string(name, default, text)
    flags.register_validator(name, lambda v: v != "", message="expected text, not an empty string")
