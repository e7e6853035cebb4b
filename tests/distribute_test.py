"""Tests of robust_tf.distribute, as far as they need no second process; workers_test has those."""

import json
import signal
import types

import pytest
import tensorflow as tf

from robust_tf import distribute
from robust_tf.errors import InputError

CLUSTER = {"worker": ["a:1", "b:1"]}


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    """What a test does not set itself is not set."""
    for name in ("TF_CONFIG", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "worker 0",
        "{}",
        "[]",
        '"worker"',
        json.dumps({"cluster": CLUSTER}),
        json.dumps({"task": {"type": "worker", "index": 0}}),
        json.dumps({"cluster": CLUSTER, "task": {"type": "chief", "index": 0}}),
        json.dumps({"cluster": CLUSTER, "task": {"type": "worker", "index": 2}}),
        json.dumps({"cluster": CLUSTER, "task": {"type": "worker", "index": -1}}),
        json.dumps({"cluster": CLUSTER, "task": {"type": "worker", "index": "0"}}),
        json.dumps({"cluster": CLUSTER, "task": {"type": "worker"}}),
    ],
)
def test_a_malformed_tf_config_gets_its_sentence(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError) as caught:
        distribute.strategy()
    sentence = str(caught.value)
    assert sentence.startswith("TF_CONFIG must be JSON with a cluster and a task of it, as in")
    assert sentence.endswith(f"got {text!r}.")


@pytest.mark.parametrize("slurm", [{}, {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"}])
def test_one_process_on_one_device_is_the_default(slurm, monkeypatch):
    if len(tf.config.list_physical_devices("GPU")) > 1:
        pytest.skip("this machine has several GPUs")
    for name, value in slurm.items():
        monkeypatch.setenv(name, value)
    handler = signal.getsignal(signal.SIGTERM)
    strategy = distribute.strategy()
    assert strategy is tf.distribute.get_strategy()
    assert distribute.is_chief(strategy)
    assert distribute.worker_count(strategy) == 1
    assert distribute.local_replicas(strategy) == 1
    assert signal.getsignal(signal.SIGTERM) is handler


def test_several_devices_of_one_process_are_its_replicas():
    devices = tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    assert distribute.is_chief(strategy)
    assert distribute.worker_count(strategy) == 1
    assert distribute.local_replicas(strategy) == len(devices)


@pytest.mark.parametrize(
    ("cluster", "task_type", "index", "place"),
    [
        (CLUSTER, "worker", 1, (1, 2)),
        ({"chief": ["a:1"], "worker": ["b:1", "c:1"]}, "chief", 0, (0, 3)),
        ({"chief": ["a:1"], "worker": ["b:1", "c:1"]}, "worker", 1, (2, 3)),
        ({**CLUSTER, "ps": ["d:1"]}, "worker", 0, (0, 2)),
    ],
)
def test_a_process_knows_its_place_without_a_strategy(
    cluster, task_type, index, place, monkeypatch
):
    config = {"cluster": cluster, "task": {"type": task_type, "index": index}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert distribute.place() == place


def test_slurms_variables_are_a_place_too_and_nothing_is_the_only_one(monkeypatch):
    assert distribute.place() == (0, 1)
    monkeypatch.setenv("SLURM_PROCID", "5")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "16")
    assert distribute.place() == (5, 16)


@pytest.mark.parametrize("asked", [distribute.place, distribute.strategy])
@pytest.mark.parametrize("task", ["ps", "evaluator"])
def test_a_task_without_work_gets_its_sentence(task, asked, monkeypatch):
    config = {"cluster": {**CLUSTER, task: ["d:1"]}, "task": {"type": task, "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(InputError) as caught:
        asked()
    assert str(caught.value) == (
        f"TF_CONFIG gives this process the task {task}, which has no work here; "
        "expected chief or worker."
    )


def test_one_worker_alone_is_any_of_them():
    anywhere = distribute.any_worker(tf.distribute.get_strategy())
    assert anywhere(True) and not anywhere(False)


def _place(cluster: dict[str, list[str]], task_type: str, task_id: int):
    """What of a strategy is_chief and worker_count look at; a real one would wait for its peers."""
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec(cluster), task_type=task_type, task_id=task_id
    )
    return types.SimpleNamespace(cluster_resolver=resolver, num_replicas_in_sync=6)


@pytest.mark.parametrize(
    ("cluster", "task_type", "task_id", "chief"),
    [
        (CLUSTER, "worker", 0, True),
        (CLUSTER, "worker", 1, False),
        ({"chief": ["a:1"], "worker": ["b:1"]}, "chief", 0, True),
        ({"chief": ["a:1"], "worker": ["b:1"]}, "worker", 0, False),
    ],
)
def test_one_of_the_workers_is_chief(cluster, task_type, task_id, chief):
    place = _place(cluster, task_type, task_id)
    assert distribute.is_chief(place) == chief
    assert distribute.worker_count(place) == 2
    assert distribute.local_replicas(place) == 3


@pytest.mark.parametrize("rank", range(3))
def test_slurm_tasks_are_the_workers_also_without_gpus(rank, monkeypatch, tmp_path):
    # No nvidia-smi there, whatever this machine has.
    monkeypatch.setenv("PATH", str(tmp_path))
    step = {"NUM_TASKS": "3", "NODELIST": "node[07-08]", "TASKS_PER_NODE": "2,1"}
    for name, value in step.items():
        monkeypatch.setenv(f"SLURM_STEP_{name}", value)
    monkeypatch.setenv("SLURM_PROCID", str(rank))
    resolver = distribute._slurm_workers()
    expected = {"worker": ["node07:8888", "node07:8889", "node08:8888"]}
    assert resolver.cluster_spec().as_dict() == expected
    assert (resolver.task_type, resolver.task_id) == ("worker", rank)
    assert resolver.num_accelerators() == {}


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
