"""flags.cfg: what a run used; --flagfile reads it back, and a resumed run must be the same."""

import pathlib

from absl import flags

from robust_tf import files
from robust_tf.config import definitions
from robust_tf.errors import InputError

FLAGS = flags.FLAGS

# Where a run is and how its data are read may differ when it is resumed; nothing else may.
_FREE_ON_RESUME = {"run_dir", "data_dir", "data_processes", "export_dir", "keep_exports"}
_FREE_ON_RESUME |= {"backup_every"}
# What is not of a run, and not of its flags.cfg.
OF_AN_EVALUATION = ("model", "attacks", "step_size", "restarts", "targeted", "examples", "output")
OF_AN_EVALUATION += ("attacked_output", "signature", "input_name", "output_name")
OF_AN_EVALUATION += (
    "step_rule",
    "start",
    "shift_weight",
    "quantize",
    "save_adversarial",
    "verdict",
    "queries",
    "decisions",
    "submissions",
    "keep_transfers",
)
OF_A_DEFENCE = (
    "defense",
    "defense_layer",
    "defense_delta",
    "defense_beta",
    "defense_sigma",
    "defense_cap",
    "defense_clip",
    "defense_loops",
    "defense_seeded",
    "defense_attacked_cap",
    "defense_attacked_beta",
)
OF_SERVING = ("model_dir", "name", "host", "rest_port", "grpc_port", "poll_seconds")
OF_SERVING += ("max_batch", "batch_timeout", "max_body", "max_request_batch", "max_queued")
OF_SERVING += ("grace_seconds",)
OF_A_COMPETITION = ("input_dir", "output_file", "output_dir", "max_epsilon", "attack", "targets")
OF_A_COMPETITION += ("labels", "label_offset", "protocol", "attacked_dirs")
_OF_A_DRY_RUN = ("dry_run", "dry_run_replicas")
NOT_OF_A_RUN = OF_AN_EVALUATION + OF_A_DEFENCE + OF_SERVING + OF_A_COMPETITION + _OF_A_DRY_RUN


def save(run_dir: pathlib.Path) -> None:
    """Writes flags.cfg, what this run uses, so that --flagfile reads it back."""
    with files.replacing(run_dir / "flags.cfg") as temporary:
        temporary.write_text("\n".join(_lines()) + "\n")


def refuse_changes(run_dir: pathlib.Path) -> None:
    """Refuses other flags than a run was begun with: one that is resumed must be the same run."""
    # A command that was refused, or ended before its first epoch did, binds nobody.
    if (run_dir / "backup").exists():
        _refuse_changes(run_dir / "flags.cfg", _lines())


def write(path: pathlib.Path, **values: str | float) -> None:
    """Writes these flags, so that --flagfile, evaluate and export read them."""
    with files.replacing(path) as temporary:
        temporary.write_text("".join(f"--{name}={value}\n" for name, value in values.items()))


def read(path: pathlib.Path) -> dict[str, str]:
    """The values that a flags.cfg gives, by flag."""
    return _pairs(path.read_text().splitlines())


def _ours() -> list[flags.Flag]:
    return definitions.all_flags()


def _lines() -> list[str]:
    """What a flags.cfg says of the flags as they are."""
    kept = [flag for flag in _ours() if flag.name not in NOT_OF_A_RUN]
    return sorted(_line(flag) for flag in kept if flag.value is not None)


def _line(flag: flags.Flag) -> str:
    if isinstance(flag.value, bool):
        return f"--{flag.name}={str(flag.value).lower()}"
    return flag.serialize()


def _pairs(lines: list[str]) -> dict[str, str]:
    split = (line.removeprefix("--").partition("=") for line in lines)
    return {name: value for name, _, value in split}


def _refuse_changes(path: pathlib.Path, lines: list[str]) -> None:
    now, saved = _pairs(lines), read(path)
    gone = sorted(name for name in saved if name not in FLAGS)
    if gone:
        raise InputError(
            f"{path.parent} was begun by another version, with --{gone[0]}, which is no flag any "
            "more; use another --run_dir."
        )
    for name in sorted((now.keys() | saved.keys()) - _FREE_ON_RESUME):
        if name not in saved and FLAGS[name].default is None and not FLAGS[name].present:
            # A flag that is newer than the run, whose value nobody chose.
            continue
        before = saved[name] if name in saved else _default(name)
        if now.get(name, "") != before:
            raise InputError(
                f"{path.parent} was begun with --{name}={before} and cannot be resumed with "
                f"--{name}={now.get(name, '')}; use that value or another --run_dir."
            )


def _default(name: str) -> str:
    return "" if FLAGS[name].default is None else FLAGS[name].default_as_str.strip("'")
