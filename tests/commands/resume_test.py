"""A run that was ended in the middle of an epoch ends with the weights of one left alone."""

import csv
import os
import pathlib
import re
import signal
import subprocess

import pytest

from tests.commands.running import (
    ROOT,
    TINY,
    command,
    difference,
    end_in_epoch,
    environment,
    progress,
    state,
    train,
)

FLAGS = ("--epochs=3", "--steps_per_epoch=20", "--lr=0.05", "--schedule=cosine", "--ema=0.9")
FLAGS += ("--val_attack=clean", "--seed=3")
TERMINATED = 128 + signal.SIGTERM


def start(run_dir, *line: str) -> subprocess.Popen:
    """Starts a command, in a group of its own, whose output goes to a file beside its run."""
    with open(f"{run_dir}.log", "w") as log:
        return subprocess.Popen(
            line, cwd=ROOT, env=environment(), stdout=log, stderr=log, start_new_session=True
        )


def said(run_dir) -> list[str]:
    """What the command has said of its end."""
    lines = pathlib.Path(f"{run_dir}.log").read_text().splitlines()
    return [line for line in lines if "SIGTERM" in line]


def rows(run_dir) -> list[dict[str, str]]:
    """The history, without what the clock said."""
    with open(run_dir / "history.csv", newline="") as file:
        found = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k != "images_per_second"} for row in found]


def test_told_to_end_and_killed_and_started_again(tmp_path):
    """PGD-AT, whose draws go on too; and so the same command gives the same bits."""
    flags = (*FLAGS, "--method=pgd_at", "--attack_steps=3")
    alone = train(tmp_path / "alone", *flags)
    ended = tmp_path / "ended"
    # SIGTERM comes to all processes of a job; those that read the data leave it to their parent.
    more = ("--backup_every=5", "--data_processes=2")
    line = command("train", *TINY, *flags, *more, f"--run_dir={ended}")
    process = start(ended, *line)
    end_in_epoch(process, ended, 2, lambda: os.killpg(process.pid, signal.SIGTERM))
    assert process.wait(timeout=100) == TERMINATED
    epochs, steps = progress(ended)
    assert epochs == 1 and steps > 5
    expected = f"Ended by SIGTERM: saved after update {steps} of epoch 2; the same command goes on"
    assert said(ended) == [f"{expected} there."]
    process = start(ended, *line)
    end_in_epoch(process, ended, 3, process.kill)
    assert difference(alone, train(ended, *flags)) == 0
    # The rows of epochs that were broken off are those of whole ones.
    assert rows(ended) == rows(tmp_path / "alone")
    assert [row["epoch"] for row in rows(ended)] == ["0", "1", "2"]


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


def test_two_workers_told_to_end_and_killed_and_all_started_again(tmp_path):
    """Both are told, then one of them alone, which the launcher starts again as it does a dead one.

    Each worker has batch norm statistics of its own, which they share after an epoch only.
    """
    flags = (*FLAGS, "--method=standard", "--precision=float64")
    alone = train(tmp_path / "alone", *flags, workers=2)
    ended = tmp_path / "ended"
    line = command("train", *TINY, *flags, "--backup_every=5", f"--run_dir={ended}")
    process = start(ended, "tools/launch_local", "2", "--", *line)
    end_in_epoch(process, ended, 1, process.terminate)
    assert process.wait(timeout=100) == TERMINATED
    assert len(said(ended)) == 2
    process = start(ended, "tools/launch_local", "2", "--restart=2", "--", *line)
    for epoch, number in ((2, signal.SIGTERM), (3, signal.SIGKILL)):
        end_in_epoch(process, ended, epoch, lambda n=number: os.kill(worker_pid(ended, 1), n))
    assert process.wait(timeout=200) == 0
    assert difference(alone, state(ended)) == 0
    assert len(said(ended)) == 2


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
