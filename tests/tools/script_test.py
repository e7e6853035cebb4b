"""Tests of tools/script.py: which Python a script runs by, and how it refuses bad input."""

import pathlib
import subprocess
import sys

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"


def _lay_out(folder: pathlib.Path) -> pathlib.Path:
    """A checkout with a script, and a .venv whose Python says how it was called."""
    (folder / "tools").mkdir()
    # Bazel makes packages of the checkout's folders, and a package comes before a mere folder.
    (folder / "tools" / "__init__.py").touch()
    (folder / "tools" / "script.py").write_text((TOOLS / "script.py").read_text())
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho in the venv: "$@"\n')
    python.chmod(0o755)
    script = folder / "tools" / "say"
    script.write_text(
        "import pathlib, sys\n"
        "sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))\n"
        "from tools.script import in_venv\n"
        "{before}in_venv()\n"
        "print('here')\n"
    )
    return script


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("sys.prefix = sys.base_prefix\n", "in the venv: {script} --a b c\n"),
        ("sys.prefix = '/another/venv'\n", "here\n"),
    ],
    ids=["the system's", "a venv's"],
)
def test_a_chosen_environment_is_kept_and_any_other_python_gives_way(before, said, tmp_path):
    script = _lay_out(tmp_path)
    script.write_text(script.read_text().format(before=before))
    line = [sys.executable, script, "--a", "b c"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stdout == said.format(script=script)


def test_without_a_venv_the_python_that_is_there_does(tmp_path):
    script = _lay_out(tmp_path)
    script.write_text(script.read_text().format(before="sys.prefix = sys.base_prefix\n"))
    (tmp_path / ".venv" / "bin" / "python").unlink()
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "here\n"


def test_the_parser_answers_with_one_sentence():
    body = (
        f"import sys; sys.path.insert(0, {str(TOOLS.parent)!r})\n"
        "from tools.script import Parser\n"
        "parser = Parser(prog='tell')\n"
        "parser.add_argument('--steps', type=int)\n"
        "parser.parse_args(sys.argv[1:])\n"
    )
    for wrong, sentence in {
        "--steps=two": "tell: argument --steps: invalid int value: 'two'\n",
        "--step=2": "tell: unrecognized arguments: --step=2\n",
    }.items():
        done = subprocess.run([sys.executable, "-c", body, wrong], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", sentence)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
