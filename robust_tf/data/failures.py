"""What went wrong in a generator behind tf.data, which passes on no exception but only its text.

dataset = tf.data.Dataset.from_generator(kept(generator), ...)
try:
    consume(dataset)
except tf.errors.OpError as error:
    raise_from_stream(error)  # raises what the generator raised, if that is what it is about
    raise
"""

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

_failures: list[Exception] = []


def kept(generator: Callable[[], Iterator[Item]]) -> Callable[[], Iterator[Item]]:
    """The generator, with what it raises kept for raise_from_stream.

    Args:
      generator: what tf.data.Dataset.from_generator is to be given.
    """

    def keeping() -> Iterator[Item]:
        try:
            yield from generator()
        except Exception as error:
            _failures.append(error)
            raise RuntimeError(f"data set failure {len(_failures) - 1}: {error}") from error

    return keeping


def raise_from_stream(error: Exception) -> None:
    """Raises what went wrong in a data set's reading if that is what the error is about.

    Args:
      error: what the consumer of a data set caught.
    """
    found = re.search(r"data set failure (\d+):", str(error))
    if found:
        raise _failures[int(found[1])] from error
