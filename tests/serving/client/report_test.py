"""Tests of robust_tf.serving.client.report: the table, the lines, and what is counted."""

import io
import json

import pytest

from robust_tf import progress
from robust_tf.serving.client import report
from robust_tf.serving.client.answers import Answer, Failure, Guess

CAT = Answer("a.png", (Guess(1, 0.98, "cat"), Guess(0, 0.02, "dog")))
DOG = Answer("folder/b.png", (Guess(0, 0.5, "dog"), Guess(1, 0.25, "cat")))
DEFENDED = Answer("ä.png", (Guess(3, 1.0, None),), 412, False)
BAD = Failure("c.png", "It is wrong.")


def written(results, format: str) -> tuple[bool, str]:
    stream = io.StringIO()
    return report.write(iter(results), format, stream), stream.getvalue()


def test_the_table_by_hand():
    assert written([CAT, BAD, DOG], "table") == (
        False,
        "file          class      probability  then\n"
        "------------  -------  -------------  ---------\n"
        "a.png         cat              98.0%  dog 2.0%\n"
        "folder/b.png  dog              50.0%  cat 25.0%\n"
        "c.png: It is wrong.\n",
    )
    assert written([DEFENDED], "table") == (
        True,
        "file    class      probability    steps  converged\n"
        "------  -------  -------------  -------  -----------\n"
        "ä.png   3               100.0%      412  no\n",
    )
    assert written([BAD], "table") == (False, "c.png: It is wrong.\n")


def test_lines_are_json_with_what_is_known():
    good, text = written([CAT, BAD, DEFENDED], "jsonl")
    assert not good
    top = [
        {"class": 1, "name": "cat", "probability": 0.98},
        {"class": 0, "name": "dog", "probability": 0.02},
    ]
    three = {"class": 3, "probability": 1.0}
    assert [json.loads(line) for line in text.splitlines()] == [
        {"file": "a.png", **top[0], "top": top},
        {"file": "c.png", "error": "It is wrong."},
        {"file": "ä.png", **three, "steps": 412, "converged": False, "top": [three]},
    ]
    assert written([CAT], "jsonl")[0]


def test_lines_are_written_as_they_come_and_a_table_of_what_came():
    stream = io.StringIO()

    def results():
        yield CAT
        shown.append(stream.getvalue())
        raise KeyboardInterrupt

    shown = []
    for format, expected in (("jsonl", '{"file": "a.png"'), ("table", "")):
        with pytest.raises(KeyboardInterrupt):
            report.write(results(), format, stream)
        assert shown.pop().startswith(expected)
        assert "a.png" in stream.getvalue()
        stream = io.StringIO()


class Terminal(io.StringIO):
    """A stream that says that it is one."""

    def isatty(self):
        return True


@pytest.mark.parametrize(("failing", "text"), [(CAT, "2/3 images"), (BAD, "2/3 images, 1 failed")])
def test_results_pass_and_are_counted_on_a_line_that_goes(failing, text):
    line = progress.Line(stream=Terminal())
    passing = report.counted(iter([failing, DOG, CAT]), 3, line)
    assert next(passing) is failing
    line.shown -= 1
    assert next(passing) is DOG
    assert line.stream.getvalue() == f"\033[K{text}\r"
    assert list(passing) == [CAT]
    assert line.stream.getvalue() == f"\033[K{text}\r\033[K\r"


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
