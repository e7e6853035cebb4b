"""Gives flags the values that nobody typed."""

from absl import flags

FLAGS = flags.FLAGS


def fill(values: dict) -> None:
    """Gives flags that nobody set the value they have in this setting."""
    for name, value in values.items():
        if FLAGS[name].value is None:
            FLAGS[name].value = value


def take(values: dict[str, str]) -> None:
    """Takes from a file of flags what the command line leaves open."""
    for name, value in values.items():
        if not FLAGS[name].present:
            FLAGS[name].parse(value)
