"""What there may be only so much of at once."""

import contextlib
from collections.abc import Callable, Iterator

from robust_tf.serving.server.failures import Busy


class Room:
    """Room for images that wait, or for bytes of requests.

    Args:
      most: how many of them.
      what: they are and do, for the sentence.
      show: is told how many there are.
    """

    def __init__(self, most: int, what: str, show: Callable[[int], None]):
        self._most = most
        self._what = what
        self._show = show
        self._taken = 0

    def enter(self, count: int) -> None:
        """Raises where there is no room; a room that is empty takes any number."""
        if self._taken and self._taken + count > self._most:
            raise Busy(f"{self._taken} {self._what}; expected at most {self._most}.")
        self._change(count)

    def leave(self, count: int) -> None:
        """So many go."""
        self._change(-count)

    @contextlib.contextmanager
    def hold(self) -> Iterator[Callable[[int], None]]:
        """Gives `enter`; what entered by it leaves at the end."""
        held = 0

        def enter(count: int) -> None:
            nonlocal held
            self.enter(count)
            held += count

        try:
            yield enter
        finally:
            self.leave(held)

    def _change(self, count: int) -> None:
        self._taken += count
        self._show(self._taken)
