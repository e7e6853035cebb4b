"""A run that was killed in the middle of an epoch ends with the weights of one left alone."""

import os
import re
import signal
import subprocess

import pytest

from tests.commands.running import (
    ROOT,
    TINY,
    command,
    difference,
    environment,
    kill_in_epoch,
    state,
    train,
)

FLAGS = ("--epochs=3", "--steps_per_epoch=20", "--lr=0.05", "--schedule=cosine", "--ema=0.9")
FLAGS += ("--val_attack=clean", "--seed=3")


def start(run_dir, *line: str) -> subprocess.Popen:
    """Starts a command whose output goes to a file beside its run."""
    with open(f"{run_dir}.log", "w") as log:
        return subprocess.Popen(line, cwd=ROOT, env=environment(), stdout=log, stderr=log)


def test_killed_and_started_again(tmp_path):
    """PGD-AT, whose draws go on too; and so the same command gives the same bits."""
    flags = (*FLAGS, "--method=pgd_at", "--attack_steps=3")
    alone = train(tmp_path / "alone", *flags)
    killed = tmp_path / "killed"
    process = start(killed, *command("train", *TINY, *flags, f"--run_dir={killed}"))
    kill_in_epoch(process, killed, 3, process.kill)
    assert difference(alone, train(killed, *flags)) == 0
    rows = (killed / "history.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "0", "1", "2"]


def worker_pid(run_dir, worker: int) -> int:
    """The process with this index in its TF_CONFIG that trains into run_dir."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = open(f"/proc/{pid}/cmdline").read()
            config = open(f"/proc/{pid}/environ").read()
        except OSError:
            continue
        if f"--run_dir={run_dir}\0" in line and re.search(rf'"index": {worker}\b', config):
            return int(pid)
    raise AssertionError(f"worker {worker} is not there")


def test_one_of_two_workers_killed_and_all_started_again(tmp_path):
    """Each worker has batch norm statistics of its own, which they share before a backup."""
    flags = (*FLAGS, "--method=standard", "--precision=float64")
    alone = train(tmp_path / "alone", *flags, workers=2)
    killed = tmp_path / "killed"
    line = command("train", *TINY, *flags, f"--run_dir={killed}")
    process = start(killed, "tools/launch_local", "2", "--restart=1", "--", *line)
    kill_in_epoch(process, killed, 3, lambda: os.kill(worker_pid(killed, 1), signal.SIGKILL))
    assert process.wait(timeout=200) == 0
    assert difference(alone, state(killed)) == 0


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
