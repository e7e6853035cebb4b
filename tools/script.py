"""What the Python scripts of this folder share; it loads nothing but Python's own modules.

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tools.script import Parser, in_venv  # noqa: E402

in_venv()
"""

import argparse
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv" / "bin" / "python"


def in_venv() -> None:
    """Starts the script anew with .venv's Python, where that is there and none of a venv runs it.

    So tools/NAME works as it is; whoever has chosen an environment keeps it.
    """
    if sys.prefix == sys.base_prefix and VENV.exists():
        os.execv(VENV, [str(VENV), *sys.argv])


class Parser(argparse.ArgumentParser):
    """An argument parser that answers bad input with one sentence and status 2."""

    def __init__(self, **options: object):
        shape = argparse.RawDescriptionHelpFormatter
        super().__init__(formatter_class=shape, allow_abbrev=False, **options)

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message}\n")
