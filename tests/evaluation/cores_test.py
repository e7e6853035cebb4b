"""A batch divided among cores: every image once, in order, whatever the number of cores."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.evaluation.cores import on_all_cores

X = tf.reshape(tf.range(7.0), (7, 1))
INDEX = tf.range(7)


def _outputs(x, index):
    return {"double": 2 * x, "pair": (index, tf.reduce_sum(x, axis=1))}


@pytest.mark.parametrize("cores", [1, 2, 3, 7, 20])
def test_every_image_comes_back_once_and_in_its_place(cores):
    found = on_all_cores(_outputs, cores)(X, INDEX)
    np.testing.assert_array_equal(found["double"], 2 * X)
    np.testing.assert_array_equal(found["pair"][0], np.arange(7))
    np.testing.assert_array_equal(found["pair"][1], np.arange(7.0))


@pytest.mark.parametrize(("cores", "sizes"), [(1, [7]), (2, [3, 4]), (3, [2, 2, 3]), (9, [1] * 7)])
def test_the_parts_are_of_nearly_the_same_size(cores, sizes):
    seen = []

    def graph(x):
        seen.append(len(x))
        return {"x": x}

    on_all_cores(graph, cores)(X)
    assert sorted(seen) == sizes


def test_the_parts_are_worked_at_at_the_same_time():
    both = threading.Barrier(2, timeout=60)

    def graph(x):
        both.wait()
        return {"x": x}

    np.testing.assert_array_equal(on_all_cores(graph, 2)(X)["x"], X)


def test_what_goes_wrong_on_one_core_is_said():
    def graph(x):
        if x[0] > 0:
            raise ValueError("the second part")
        return {"x": x}

    with pytest.raises(ValueError, match="the second part"):
        on_all_cores(graph, 2)(X)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="one core has nothing to divide")
def test_operations_stay_on_their_core_unless_tensorflow_runs_already():
    program = """
import tensorflow as tf
from robust_tf.evaluation.cores import single_threaded_ops
threads = tf.config.threading.get_intra_op_parallelism_threads
{started}
single_threaded_ops()
print(threads())
"""
    printed = [
        subprocess.run(
            [sys.executable, "-c", program.format(started=started)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()[-1]
        for started in ("", "tf.constant(1.0)")
    ]
    assert printed == ["1", "0"]
