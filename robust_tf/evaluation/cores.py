"""Keeps all cores busy: each works on images of its own.

    single_threaded_ops()              # first of all, before TensorFlow starts
    outcomes = on_all_cores(graph)(x, label, index)

Images do not meet in an attack, and most operations of one are too small to be worth dividing. On
a GPU a batch stays whole.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf


def _cores() -> int:
    return 1 if tf.config.list_physical_devices("GPU") else len(os.sched_getaffinity(0))


def single_threaded_ops() -> None:
    """An operation keeps to its core, once a batch is divided among them."""
    if _cores() == 1:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
    except RuntimeError:
        pass  # Another part of the program has started TensorFlow, as it was.


def on_all_cores(graph: Callable[..., dict], cores: int | None = None) -> Callable[..., dict]:
    """Calls a graph on a part of the batch on each core.

    Args:
      graph: of nested tensors with a row an image, to the like.
      cores: None is all there are, or one where there is a GPU.

    Returns:
      The graph, its tensors in NumPy.
    """
    cores = cores or _cores()

    def call(*batch) -> dict:
        count = len(tf.nest.flatten(batch)[0])
        parts = min(cores, count)
        bounds = np.linspace(0, count, parts + 1).astype(int)

        def part(begin, end):
            return tf.nest.map_structure(lambda t: tf.convert_to_tensor(t[begin:end]), batch)

        with ThreadPoolExecutor(parts) as pool:
            found = [
                pool.submit(graph, *part(begin, end))
                for begin, end in zip(bounds, bounds[1:], strict=False)
            ]
            rows = [tf.nest.map_structure(lambda t: t.numpy(), one.result()) for one in found]
        return tf.nest.map_structure(lambda *t: np.concatenate(t), *rows)

    return call
