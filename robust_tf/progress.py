"""A line that shows how far work is: rewritten on a terminal, now and then a new one in a log."""

import shutil
import sys
import time
from typing import TextIO


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


class Line:
    """Shows at most two texts a second on a terminal, one every `log_every` seconds in a log.

    Args:
      log_every: seconds between two texts in a log.
      stream: where they go; standard output unless given.
    """

    def __init__(self, log_every: float = 15.0, stream: TextIO | None = None):
        self.stream = stream or sys.stdout
        self.terminal = self.stream.isatty()
        self.interval = 0.5 if self.terminal else log_every
        self.shown = time.monotonic()

    def due(self) -> bool:
        """Whether it is time for the next text."""
        return time.monotonic() - self.shown >= self.interval

    def show(self, text: str) -> None:
        """A text that the next one may replace."""
        self.shown = time.monotonic()
        if self.terminal:
            # A line that wraps could not be rewritten.
            text = f"\033[K{text[: shutil.get_terminal_size().columns - 1]}\r"
        print(text, end="" if self.terminal else "\n", file=self.stream, flush=True)

    def keep(self, text: str) -> None:
        """A text that stays."""
        print(f"\033[K{text}" if self.terminal else text, file=self.stream, flush=True)
