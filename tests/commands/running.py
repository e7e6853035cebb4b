"""Runs the commands as a user types them, and reads what they leave."""

import importlib
import os
import pathlib
import subprocess
import sys
import time
from unittest import mock

import numpy as np
from absl import flags

from robust_tf import command_line

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Digits on a network that takes milliseconds; each test adds what it is about.
TINY = ("--dataset=digits", "--network=wrn-10-1", "--batch_size=32", "--schedule=constant")


def environment() -> dict[str, str]:
    """A user's: the checkout on the path, no cluster, and TensorFlow's own number of threads."""
    drop = ("TF_CONFIG", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "TF_NUM_INTRAOP_THREADS")
    kept = {name: value for name, value in os.environ.items() if name not in drop}
    return {**kept, "PYTHONPATH": str(ROOT)}


def command(name: str, *flags: str) -> list[str]:
    """python -m robust_tf.NAME FLAGS."""
    return [sys.executable, "-m", f"robust_tf.{name}", *flags]


def run(*arguments: str, status: int = 0) -> subprocess.CompletedProcess:
    """Runs a command line in the checkout, and expects an exit status."""
    done = subprocess.run(
        arguments, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300
    )
    if done.returncode != status:
        raise AssertionError(
            f"{' '.join(arguments)} ended with {done.returncode}, not {status}:\n"
            f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
    return done


def forget_flags() -> None:
    """Puts all flags of this process back to what nobody has said anything of."""
    flags.FLAGS.unparse_flags()
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()


def here(name: str, *given: str) -> int:
    """The exit status of a command that runs in this process, which has TensorFlow already."""
    main = importlib.import_module(f"robust_tf.{name}").main
    # Those of another test's plan.
    forget_flags()
    with mock.patch.object(sys, "argv", [name, *given]):
        try:
            command_line.run(main)
        except SystemExit as ended:
            return ended.code or 0
        finally:
            forget_flags()


def said(capsys, name: str, *given: str) -> str:
    """What a command says that ends well, in this process, which has TensorFlow already."""
    status = here(name, *given)
    told = capsys.readouterr()
    assert status == 0, told.err
    return told.out


def refusal(capsys, name: str, *given: str) -> str:
    """What a command says to bad input, in this process, which has TensorFlow already.

    That its import adds no line is in commands_test.py, with another run in the same folder.
    """
    status = here(name, *given)
    said = capsys.readouterr().err
    assert status == 2 and len(said.splitlines()) == 1, said
    return said


def train(run_dir: pathlib.Path, *flags: str, workers: int = 1) -> dict[str, np.ndarray]:
    """Trains, on several workers if asked to, and gives the state that the run ends with."""
    line = command("train", *TINY, *flags, f"--run_dir={run_dir}")
    run(*line) if workers == 1 else run("tools/launch_local", str(workers), "--", *line)
    return state(run_dir)


def state(run_dir: pathlib.Path) -> dict[str, np.ndarray]:
    """The backup: every variable of the network and the optimizer."""
    with np.load(run_dir / "backup" / "state.npz") as arrays:
        return dict(arrays)


def difference(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    """The largest difference of any two numbers of two states."""
    assert a.keys() == b.keys() and len(a) > 10
    return max(float(np.abs(a[name] - b[name]).max()) for name in a)


def progress(run_dir: pathlib.Path) -> tuple[int, int]:
    """The backup's finished epochs and the steps of the next one; it may not be there yet."""
    path = run_dir / "backup" / "state.npz"
    if not path.exists():
        return 0, 0
    with np.load(path) as arrays:
        return int(arrays["epochs"]), int(arrays["steps"])


def end_in_epoch(process: subprocess.Popen, run_dir: pathlib.Path, epoch: int, end) -> None:
    """Calls `end` once this epoch (from 1 on) has a backup, and checks that it was not over."""
    deadline = time.monotonic() + 200
    while progress(run_dir) <= (epoch - 1, 0):
        assert process.poll() is None, "the run ended before it could be ended"
        assert time.monotonic() < deadline, "the run took too long to get there"
        time.sleep(0.05)
    end()
    assert progress(run_dir)[0] == epoch - 1, "the epoch was over when it was ended"
