"""Tests of tools/cluster: the scripts with stand-ins for the cluster, the manifest as read."""

import json
import os
import pathlib
import re
import subprocess

import pytest

from robust_tf import distribute
from robust_tf.data import stream
from tests.tools import plain_yaml

CLUSTER = pathlib.Path(__file__).resolve().parents[2] / "tools" / "cluster"
ROOT = CLUSTER.parents[1]
# Ends as the n-th word of its plan says, and notes what it was called with.
SRUN = """#!/usr/bin/env bash
printf '%s\\n' "$*" >> "$NOTES"
exit "$(cut -d' ' -f"$(wc -l < "$NOTES")" <<< "$PLAN")"
"""


@pytest.fixture
def slurm(tmp_path):
    """Runs a script whose srun ends with one status after the other; gives all that was noted."""
    for name, text in {"srun": SRUN, "scontrol": '#!/bin/sh\necho "$*" >> "$NOTES"\n'}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def run(script: str, plan: str, *arguments: str, **more: str):
        own = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "NOTES": str(tmp_path / "notes")}
        own |= {"PLAN": plan, "SLURM_JOB_ID": "77", "PAUSE": "0", **more}
        done = subprocess.run(
            [CLUSTER / script, *arguments],
            cwd=ROOT,
            env={**os.environ, **own},
            capture_output=True,
            text=True,
        )
        notes = tmp_path / "notes"
        return done, notes.read_text().splitlines() if notes.exists() else []

    return run


@pytest.mark.parametrize("path", sorted(CLUSTER.glob("*")), ids=lambda path: path.name)
def test_scripts_are_bash(path):
    if path.suffix == ".sbatch" or path.name == "tf_config":
        assert os.access(path, os.X_OK)
        assert subprocess.run(["bash", "-n", path]).returncode == 0


@pytest.mark.parametrize(
    ("plan", "status", "calls"),
    [("0", 0, 1), ("1 137 0", 0, 3), ("2", 2, 1), ("1 1 1", 1, 3)],
    ids=["at once", "after two deaths", "bad flags", "in vain"],
)
def test_workers_that_died_are_started_again_and_bad_flags_are_not(slurm, plan, status, calls):
    more = ("--run_dir=a b", "--seed=1")
    done, notes = slurm("train.sbatch", plan, "README.md", *more, RESTARTS="2")
    assert done.returncode == status
    expected = "-m robust_tf.train --flagfile=README.md --run_dir=a b --seed=1"
    assert len(notes) == calls and all(note.endswith(expected) for note in notes)
    assert [line.split()[-3] for line in done.stdout.splitlines()] == ["1", "2"][: calls - 1]
    assert all("--kill-on-bad-exit=1" in note for note in notes)


def test_a_job_that_has_saved_is_queued_again(slurm):
    done, notes = slurm("train.sbatch", "1 143", "README.md")
    assert done.returncode == 143
    assert notes[2:] == ["requeue 77"]


def test_without_a_flagfile_nothing_is_started(slurm):
    done, notes = slurm("train.sbatch", "0")
    assert (done.returncode, notes, done.stderr.count("\n")) == (2, [], 1)


def test_an_evaluation_goes_on_with_all_its_tasks(slurm):
    done, notes = slurm("evaluate.sbatch", "1 0", "--model=runs/one")
    assert done.returncode == 0
    assert len(notes) == 2 and notes[0].endswith("-m robust_tf.evaluate --model=runs/one")
    assert all("--kill-on-bad-exit=1" in note for note in notes)


def _job() -> dict:
    (job,) = [d for d in _documents() if d["kind"] == "Job"]
    return job


def _documents() -> list[dict]:
    return plain_yaml.read((CLUSTER / "kubernetes" / "train.yaml").read_text())


def test_the_pods_command_tells_each_worker_its_place(monkeypatch):
    job = _job()
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    command = [*container["command"], *container["args"]]
    # What it would start says instead what it was told.
    command[2] = command[2].replace("exec python -m robust_tf.train", "printf '%s\\n' $TF_CONFIG")
    workers = job["spec"]["completions"]
    for index in (0, workers - 1):
        own = {**os.environ, "JOB_COMPLETION_INDEX": str(index)}
        done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True)
        said, flags = done.stdout.split("--flagfile", 1)
        monkeypatch.setenv("TF_CONFIG", said)
        assert distribute.place() == (index, workers)
        addresses = json.loads(said)["cluster"]["worker"]
        name, service = job["metadata"]["name"], pod["subdomain"]
        port = container["ports"][0]["containerPort"]
        assert addresses == [f"{name}-{k}.{service}:{port}" for k in range(workers)]
        assert "--run_dir=/runs/caad\n" in flags


def test_the_manifest_fits_the_program_and_itself():
    job, (service,) = _job(), [d for d in _documents() if d["kind"] == "Service"]
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert spec["completionMode"] == "Indexed" and spec["completions"] == spec["parallelism"] == 16
    gpus, cores = 8, 8 + stream.MOST_PROCESSES
    resources = pod["containers"][0]["resources"]
    assert resources["limits"]["nvidia.com/gpu"] == str(gpus)
    assert resources["requests"]["cpu"] == str(cores)
    batch = (CLUSTER / "train.sbatch").read_text()
    assert f"--gpus-per-node={gpus}\n" in batch and f"--cpus-per-task={cores}\n" in batch
    assert service["metadata"]["name"] == pod["subdomain"]
    assert service["spec"]["selector"] == spec["template"]["metadata"]["labels"]
    assert service["spec"]["clusterIP"] == "None" and service["spec"]["publishNotReadyAddresses"]
    actions = {
        rule["onExitCodes"]["values"][0]: rule["action"]
        for rule in spec["podFailurePolicy"]["rules"]
        if "onExitCodes" in rule
    }
    assert actions == {2: "FailJob", 143: "Ignore"}
    mounts = [mount["name"] for mount in pod["containers"][0]["volumeMounts"]]
    assert mounts == [volume["name"] for volume in pod["volumes"]]


@pytest.mark.parametrize("index", ["", "16", "-1", "one"])
def test_a_pod_without_its_place_gets_a_sentence(index):
    own = {**os.environ, "JOB_COMPLETION_INDEX": index}
    command = [CLUSTER / "tf_config", "caad", "caad", "16"]
    done = subprocess.run(command, env=own, capture_output=True, text=True)
    expected = f"tf_config: JOB_COMPLETION_INDEX must be from 0 to 15, got '{index}'.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", expected)


def test_the_readme_names_what_is_there():
    text = (CLUSTER / "README.md").read_text()
    named = set(re.findall(r"(?:tools|docs|tests)/[\w./-]*\w", text))
    assert len(named) > 5 and all((ROOT / path).exists() for path in named)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
