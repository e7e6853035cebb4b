"""Tests of robust_tf.progress: on a real terminal, and in a log."""

import contextlib
import os
import time
from collections.abc import Iterator

import pytest

from robust_tf import progress


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (61, "1 min 01 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (2 * 3600 + 5 * 60 + 59, "2 h 05 min"),
        (100 * 3600, "100 h 00 min"),
    ],
)
def test_durations_by_hand(seconds, text):
    assert progress.duration(seconds) == text


@contextlib.contextmanager
def _terminal() -> Iterator[int]:
    """Within it, standard output is a terminal; gives the end where a person reads."""
    reader, screen = os.openpty()
    os.set_blocking(reader, False)
    with os.fdopen(screen, "w") as stdout, contextlib.redirect_stdout(stdout):
        yield reader
    os.close(reader)


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand: a list with the time in it."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_terminal_line_is_rewritten_until_one_stays():
    with _terminal() as reader:
        line = progress.Line()
        line.show("1 of 2, slow")
        line.show("2 of 2")
        line.keep("done")
        line.show("next")
        # \033[K clears what a longer text left; the terminal itself ends a line with \r\n.
        expected = b"\033[K1 of 2, slow\r\033[K2 of 2\r\033[Kdone\r\n\033[Knext\r"
        got = b""
        while len(got) < len(expected):  # a terminal hands on what has come so far
            got += os.read(reader, 1000)
        assert got == expected


def test_a_log_has_a_line_each_and_no_control_characters(capsys):
    line = progress.Line()
    line.show("1 of 2")
    line.show("2 of 2")
    line.keep("done")
    assert capsys.readouterr().out == "1 of 2\n2 of 2\ndone\n"


def _due(line: progress.Line, clock: list[float], seconds: float) -> bool:
    clock[0] += seconds
    return line.due()


def test_a_terminal_is_told_twice_a_second(clock):
    with _terminal():
        line = progress.Line()
        assert [_due(line, clock, s) for s in (0.25, 0.125, 0.125)] == [False, False, True]
        line.show("again")
        assert [_due(line, clock, s) for s in (0.25, 0.25)] == [False, True]


def test_a_log_is_told_every_so_many_seconds(clock):
    line = progress.Line()
    assert [_due(line, clock, s) for s in (14, 0.5, 0.5)] == [False, False, True]
    line.show("again")
    assert [_due(line, clock, s) for s in (14, 1)] == [False, True]
    rare = progress.Line(log_every=60)
    assert [_due(rare, clock, s) for s in (59, 1)] == [False, True]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
