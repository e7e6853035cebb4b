"""What a server's outputs say of each image."""

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from robust_tf.errors import InputError
from robust_tf.serving.client.failures import RequestFailed
from robust_tf.serving.client.signatures import Signature


@dataclasses.dataclass(frozen=True)
class Guess:
    """A class that an image may be of; the name is None where no names are known."""

    label: int
    probability: float
    name: str | None


@dataclasses.dataclass(frozen=True)
class Answer:
    """What an image shows.

    Attributes:
      file: the image's name.
      top: the most probable classes, the first of them first.
      steps: of the defence; None where the signature has none.
      converged: whether the defence ended by itself; None likewise.
    """

    file: str
    top: tuple[Guess, ...]
    steps: int | None = None
    converged: bool | None = None


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why there is no answer for an image."""

    file: str
    sentence: str


class Answers:
    """Makes answers of outputs.

    Args:
      signature: what is asked.
      top: how many classes are shown.
      names: of the classes; none shows their numbers.
    """

    def __init__(self, signature: Signature, top: int, names: Sequence[str]):
        self._signature, self._top, self._names = signature, top, names

    def read(self, files: Sequence[str], outputs: Any) -> list[Answer | Failure]:
        """One for each file; raises RequestFailed where the outputs have other rows."""
        shown = self._signature.shown
        columns = outputs if isinstance(outputs, Mapping) else {}
        for name in shown:
            rows = columns.get(name)
            if not isinstance(rows, list) or len(rows) != len(files):
                raise RequestFailed(
                    f"The server's output {name} has not one row for each of {len(files)} images."
                )
        rows = zip(*(columns[name] for name in shown), strict=True)
        return [
            self._of_one(file, **dict(zip(shown, row, strict=True)))
            for file, row in zip(files, rows, strict=True)
        ]

    def _of_one(self, file: str, probabilities: Any, **defense: Any) -> Answer | Failure:
        try:
            finite = probabilities and all(math.isfinite(p) for p in probabilities)
        except TypeError:
            finite = False
        if not finite:
            return Failure(file, "The server's probabilities are no finite numbers.")
        # Sorting keeps the order of equals, so that the first is the one that argmax gives.
        labels = sorted(range(len(probabilities)), key=lambda i: -probabilities[i])[: self._top]
        top = tuple(Guess(i, probabilities[i], self._name(i)) for i in labels)
        return Answer(file, top, **defense)

    def _name(self, label: int) -> str | None:
        return self._names[label] if label < len(self._names) else None


def read_names(path: str | None, signature: Signature) -> list[str]:
    """The names in a file, one a line; none without a file."""
    if path is None:
        return []
    try:
        names = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InputError(f"--class_names={path} cannot be read: {reason}.") from None
    if signature.classes not in (None, len(names)):
        raise InputError(
            f"--class_names={path} has {len(names)} lines; expected {signature.classes}, one for "
            f"each class of the signature {signature.name}."
        )
    return names
