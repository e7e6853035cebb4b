"""The distribution strategy: many machines, several GPUs, or one device, by what is there.

Call `strategy()` before anything else touches TensorFlow's runtime: TF_CONFIG is read and the
workers' connections are made then.
"""

import json
import os
import signal
from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from robust_tf.errors import InputError

# Those that train; a cluster may have others.
_JOBS = ("chief", "worker")


def strategy() -> tf.distribute.Strategy:
    """MultiWorkerMirrored under TF_CONFIG or Slurm, Mirrored on several GPUs, else the default."""
    handler = signal.getsignal(signal.SIGTERM)
    if "TF_CONFIG" in os.environ:
        _check_tf_config(os.environ["TF_CONFIG"])
        made = tf.distribute.MultiWorkerMirroredStrategy()
    elif _under_slurm():
        made = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=_slurm_workers())
    elif len(tf.config.list_physical_devices("GPU")) > 1:
        made = tf.distribute.MirroredStrategy()
    else:
        return tf.distribute.get_strategy()
    # TensorFlow's coordination service takes SIGTERM for itself, and the worker would not end.
    signal.signal(signal.SIGTERM, handler)
    return made


def is_chief(of: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes files."""
    resolver = of.cluster_resolver
    if resolver is None or resolver.task_type is None:
        return True
    has_chief = "chief" in resolver.cluster_spec().jobs
    return resolver.task_type == "chief" or (not has_chief and resolver.task_id == 0)


def local_replicas(of: tf.distribute.Strategy) -> int:
    """Replicas of this process."""
    return of.num_replicas_in_sync // worker_count(of)


def worker_count(of: tf.distribute.Strategy) -> int:
    """Processes that train together."""
    resolver = of.cluster_resolver
    if resolver is None or not resolver.cluster_spec():
        return 1
    spec = resolver.cluster_spec()
    return sum(spec.num_tasks(job) for job in spec.jobs if job in _JOBS)


class Place(NamedTuple):
    """Which of the processes that work together this one is."""

    worker: int = 0
    workers: int = 1


def place() -> Place:
    """This process' place, from TF_CONFIG or Slurm, for what needs no strategy."""
    if "TF_CONFIG" in os.environ:
        config = _check_tf_config(os.environ["TF_CONFIG"])
        sizes = {job: len(config["cluster"].get(job, ())) for job in _JOBS}
        job, index = config["task"]["type"], config["task"]["index"]
        # The chief comes before the workers.
        before = sizes["chief"] if job == "worker" else 0
        return Place(before + index, sum(sizes.values()))
    if _under_slurm():
        tasks = int(os.environ["SLURM_STEP_NUM_TASKS"])
        return Place(int(os.environ["SLURM_PROCID"]), tasks)
    return Place()


def any_worker(of: tf.distribute.Strategy) -> Callable[[bool], bool]:
    """A function that says whether any worker calls it with True; all of them must call it."""
    if worker_count(of) == 1:
        return bool

    def total(number: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        # Of its own: the argument lies on no replica's device.
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(number))

    graph = tf.function(lambda number: of.run(total, (number,)), autograph=False)

    def anywhere(mine: bool) -> bool:
        result = graph(tf.constant(mine, tf.float32))
        return float(of.experimental_local_results(result)[0]) > 0

    return anywhere


def same_everywhere(of: tf.distribute.Strategy, number: int) -> bool:
    """Whether every worker that trains has this same number."""
    if of.num_replicas_in_sync == 1:
        return True

    def gathered() -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        return context.all_gather(tf.constant([number], tf.int64), axis=0)

    numbers = of.experimental_local_results(
        tf.function(lambda: of.run(gathered), autograph=False)()
    )
    # Every worker sees those of all, and so none goes on without the others.
    return len(set(numbers[0].numpy())) == 1


def assign(variables: Sequence[tf.Variable], values: Sequence[tf.Tensor]) -> None:
    """Each replica gives its own copies of the variables its own values, in replica context.

    A mirrored variable that aggregates nothing, as weights are, refuses to be assigned there.
    """

    def update(of, values):
        for variable, value in zip(variables, values, strict=True):
            of.extended.update(variable, lambda copy, new: copy.assign(new), (value,), group=False)

    # As Keras' optimizers do it: without a merge where a strategy can go without.
    tf.__internal__.distribute.interim.maybe_merge_call(
        update, tf.distribute.get_strategy(), list(values)
    )


def _under_slurm() -> bool:
    return int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1 and "SLURM_PROCID" in os.environ


def _slurm_workers() -> tf.distribute.cluster_resolver.ClusterResolver:
    """Slurm's tasks as workers, each with its share of its node's GPUs."""
    resolvers = tf.distribute.cluster_resolver
    if tf.config.list_physical_devices("GPU"):
        return resolvers.SlurmClusterResolver()
    # It fails on a node without GPUs: it is told of some, and asked for the workers alone.
    tasks = int(os.environ["SLURM_STEP_NUM_TASKS"])
    slurm = resolvers.SlurmClusterResolver(gpus_per_node=tasks, gpus_per_task=1, auto_set_gpu=False)
    workers = slurm.cluster_spec()
    task_type, task_id = slurm.get_task_info()
    return resolvers.SimpleClusterResolver(
        workers, task_type=task_type, task_id=task_id, rpc_layer="grpc"
    )


def _check_tf_config(text: str) -> dict:
    try:
        config = json.loads(text)
        task = config["task"]
        valid = task["index"] in range(len(config["cluster"][task["type"]]))
    except (ValueError, KeyError, TypeError):
        valid = False
    if not valid:
        raise InputError(
            "TF_CONFIG must be JSON with a cluster and a task of it, as in "
            '{"cluster": {"worker": ["host:port"]}, "task": {"type": "worker", "index": 0}}, '
            f"got {text!r}."
        )
    if task["type"] not in _JOBS:
        raise InputError(
            f"TF_CONFIG gives this process the task {task['type']}, which has no work here; "
            f"expected {' or '.join(_JOBS)}."
        )
    return config
