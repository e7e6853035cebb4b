"""Bad input, whose sentence commands print and exit with status 2; being told to end."""

import difflib
import pathlib
from collections.abc import Collection


class InputError(ValueError):
    """What the user gave cannot be used; the message is one sentence with what was expected."""


class Preempted(Exception):
    """The process was told to end and has saved; the message is one sentence that says what."""


def unknown(what: str, name: str, known: Collection[str]) -> InputError:
    """The error for a name that is not in a table: names the nearest valid one, or all of them.

    Args:
      what: what the name stands for, with its flag, as in "--dataset".
      name: the name that was given.
      known: the valid names.
    """
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"expected one of {', '.join(known)}."
    return InputError(f"{what}={name} is unknown; {hint}")


def refuse_folder(what: str, path: pathlib.Path) -> None:
    """Raises an InputError where a folder lies in the place of a file that is to be written.

    Args:
      what: the path is, with its flag, as in "--output".
      path: of the file.
    """
    if path.is_dir():
        raise InputError(f"{what}={path} is a folder; expected the name of a file to write.")


def refuse_below(least: int, owner: str, **values: int) -> None:
    """Raises an InputError that names the first of the values that is too small.

    Args:
      least: the smallest that is valid.
      owner: whose values they are.
      **values: by their names.
    """
    for name, value in values.items():
        if value < least:
            raise InputError(f"{owner}'s {name} must be at least {least}, got {value}.")
