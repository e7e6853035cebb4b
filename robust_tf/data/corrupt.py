"""The account of corrupt images: each is named once, and too many stop the training."""

from collections.abc import Mapping

from absl import logging

from robust_tf.data.examples import Examples
from robust_tf.errors import InputError


def allowed_corrupt(examples: Examples) -> int:
    """How many images may be corrupt in training: 1 % of them."""
    return len(examples) // 100


class CorruptLog:
    """Names every corrupt image once, with a warning and a count, and may refuse too many."""

    def __init__(self, examples: Examples, allowed: int | None = None):
        """An account that is still empty.

        Args:
          examples: what is read, for the sentences.
          allowed: more corrupt images than this are an InputError; any number is fine if None.
        """
        self._examples, self._allowed = examples, allowed
        self._seen: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, corrupt: Mapping[int, str]) -> None:
        """Takes note of corrupt images.

        Args:
          corrupt: the reason for each index of the split.
        """
        for index, reason in corrupt.items():
            if index not in self._seen:
                self._seen[index] = reason
                logging.warning("corrupt image %d: %s", len(self), reason)
        if self._allowed is not None and len(self) > self._allowed:
            last = list(self._seen.values())[-1]
            raise InputError(
                f"{len(self)} of the {len(self._examples)} images of {self._examples.name} "
                f"({self._examples.split}) are corrupt, the last one is {last}; expected 1 % or "
                "less."
            )
