"""Shows results: lines of JSON as they come, or a table at the end."""

import json
from collections.abc import Iterable, Iterator
from typing import TextIO

from tabulate import tabulate

from robust_tf import progress
from robust_tf.serving.client.answers import Answer, Failure, Guess

Result = Answer | Failure


def write(results: Iterable[Result], format: str, stream: TextIO) -> bool:
    """Writes all results; whether none is a failure.

    Args:
      results: as they come.
      format: table or jsonl.
      stream: where they go.
    """
    return (_write_lines if format == "jsonl" else _write_table)(results, stream)


def counted(results: Iterable[Result], total: int, line: progress.Line) -> Iterator[Result]:
    """The results as they pass, counted on a line."""
    done = failed = 0
    try:
        for result in results:
            done, failed = done + 1, failed + isinstance(result, Failure)
            if line.due():
                line.show(f"{done:,}/{total:,} images" + (f", {failed:,} failed" if failed else ""))
            yield result
    finally:
        if line.terminal:
            # What comes next may be a table on the same terminal.
            line.show("")


def _write_lines(results: Iterable[Result], stream: TextIO) -> bool:
    good = True
    for result in results:
        good = good and isinstance(result, Answer)
        print(json.dumps(_record(result), ensure_ascii=False), file=stream, flush=True)
    return good


def _record(result: Result) -> dict:
    """A result as JSON; what is not known is left out."""
    if isinstance(result, Failure):
        return {"file": result.file, "error": result.sentence}
    first, *_ = top = [_guess_record(guess) for guess in result.top]
    defense = {"steps": result.steps, "converged": result.converged}
    known = {key: value for key, value in defense.items() if value is not None}
    return {"file": result.file, **first, **known, "top": top}


def _guess_record(guess: Guess) -> dict:
    name = {} if guess.name is None else {"name": guess.name}
    return {"class": guess.label, **name, "probability": guess.probability}


def _write_table(results: Iterable[Result], stream: TextIO) -> bool:
    """The table of the answers, with the failures below; of what there is when it is broken off."""
    answers: list[Answer] = []
    failures: list[Failure] = []
    try:
        for result in results:
            (answers if isinstance(result, Answer) else failures).append(result)
    finally:
        if answers:
            print(_table(answers), file=stream)
        for failure in failures:
            print(f"{failure.file}: {failure.sentence}", file=stream)
        stream.flush()
    return not failures


def _table(answers: list[Answer]) -> str:
    """A row for each image."""
    columns = {
        "file": [answer.file for answer in answers],
        "class": [_called(answer.top[0]) for answer in answers],
        "probability": [f"{answer.top[0].probability:.1%}" for answer in answers],
        "then": [", ".join(map(_with_share, answer.top[1:])) for answer in answers],
        "steps": [answer.steps for answer in answers],
        "converged": [_spoken(answer.converged) for answer in answers],
    }
    shown = {
        name: cells for name, cells in columns.items() if any(c not in (None, "") for c in cells)
    }
    right = ("probability", "steps")
    align = ["right" if name in right else "left" for name in shown]
    return tabulate(shown, headers="keys", colalign=align, disable_numparse=True)


def _called(guess: Guess) -> str:
    return str(guess.label) if guess.name is None else guess.name


def _with_share(guess: Guess) -> str:
    return f"{_called(guess)} {guess.probability:.1%}"


def _spoken(converged: bool | None) -> str | None:
    return None if converged is None else ("yes" if converged else "no")
