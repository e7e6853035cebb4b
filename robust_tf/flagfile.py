"""flags.cfg: what a run used; --flagfile reads it back, and a resumed run must be the same."""

import os
import pathlib

from absl import flags

from robust_tf.errors import InputError

FLAGS = flags.FLAGS

# Where a run is and how its data are read may differ when it is resumed; nothing else may.
_FREE_ON_RESUME = {"run_dir", "data_dir", "data_processes", "export_dir", "model", "output"}


def save(run_dir: pathlib.Path) -> None:
    """Writes flags.cfg, what this run uses, so that --flagfile reads it back.

    A run that is resumed must be the same run: other flags than the saved ones are refused.
    """
    path = run_dir / "flags.cfg"
    lines = sorted(_line(flag) for flag in _ours() if flag.value is not None)
    if path.exists():
        _refuse_changes(path, lines)
    run_dir.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".writing")
    temporary.write_text("\n".join(lines) + "\n")
    os.replace(temporary, path)


def read(path: pathlib.Path) -> dict[str, str]:
    """The values that a flags.cfg gives, by flag."""
    return _pairs(path.read_text().splitlines())


def _ours() -> list[flags.Flag]:
    return FLAGS.flags_by_module_dict()["robust_tf.config"]


def _line(flag: flags.Flag) -> str:
    if isinstance(flag.value, bool):
        return f"--{flag.name}={str(flag.value).lower()}"
    return flag.serialize()


def _pairs(lines: list[str]) -> dict[str, str]:
    split = (line.removeprefix("--").partition("=") for line in lines)
    return {name: value for name, _, value in split}


def _refuse_changes(path: pathlib.Path, lines: list[str]) -> None:
    now, before = _pairs(lines), read(path)
    for name in sorted((now.keys() | before.keys()) - _FREE_ON_RESUME):
        if now.get(name) != before.get(name):
            raise InputError(
                f"{path.parent} was begun with --{name}={before.get(name, '')} and cannot be "
                f"resumed with --{name}={now.get(name, '')}; use that value or another --run_dir."
            )
