"""The training order: each image once an epoch, whatever the processes, shards and start."""

import itertools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from absl import logging
from PIL import Image

from robust_tf.data.chunks import epoch_order
from robust_tf.data.corrupt import CorruptLog
from robust_tf.data.examples import ArrayImages, Examples, FileImages
from robust_tf.data.sources import load
from robust_tf.data.stream import TrainingStream, flow
from robust_tf.errors import InputError
from robust_tf.interop.tensorpack import DataFlow

COUNT = 50


def colourful(count=COUNT, name="cifar10"):
    pixels = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
    labels = np.arange(count) % 10
    return Examples(name, "train", "0123456789", ArrayImages(pixels, "toy"), labels, (8, 8, 3))


@pytest.fixture
def opened():
    """Makes streams and ends their processes after the test."""
    streams = []

    def make(examples, **options):
        stream = TrainingStream(examples, **{"batch_size": 6, "seed": 1, "processes": 0} | options)
        stream.reset_state()
        streams.append(stream)
        return stream

    yield make
    for stream in streams:
        stream.close()


def take(stream, count):
    return list(itertools.islice(iter(stream), count))


def indices(datapoints):
    return [index for _, _, index in datapoints]


def assert_same(one, other):
    assert [dp[1:] for dp in one] == [dp[1:] for dp in other]
    for (image, *_), (same, *_) in zip(one, other, strict=True):
        np.testing.assert_array_equal(image, same)


def test_it_is_a_data_flow_of_image_label_index(opened):
    stream = opened(colourful())
    assert isinstance(stream, DataFlow)
    image, label, index = next(iter(stream))
    assert image.shape == (8, 8, 3) and image.dtype == np.uint8
    assert label == index % 10


def test_each_image_exactly_once_an_epoch_though_batches_do_not_divide_it(opened):
    seen = indices(take(opened(colourful()), 3 * COUNT))
    epochs = [seen[i * COUNT : (i + 1) * COUNT] for i in range(3)]
    assert all(sorted(epoch) == list(range(COUNT)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs[2] == epoch_order(COUNT, seed=1, epoch=2).tolist()
    assert epochs[0] != indices(take(opened(colourful(), seed=2), COUNT))


def test_processes_change_nothing(opened):
    here = take(opened(colourful()), 130)
    for processes in (1, 2):
        assert_same(take(opened(colourful(), processes=processes), 130), here)


def test_augmentation_depends_on_epoch_and_index(opened):
    datapoints = take(opened(colourful()), 2 * COUNT)
    first, second = (
        {index: image for image, _, index in part}
        for part in (datapoints[:COUNT], datapoints[COUNT:])
    )
    differing = sum((first[i] != second[i]).any() for i in range(COUNT))
    assert differing > COUNT / 2


@pytest.mark.parametrize("processes", [0, 2])
def test_shards_together_are_the_whole(opened, processes):
    whole = take(opened(colourful()), 60)
    shards = [
        take(opened(colourful(), shard=(worker, 2), processes=processes), 30) for worker in (0, 1)
    ]
    together = [
        datapoint
        for first in range(0, 30, 3)  # 3 of every 6 for each worker
        for shard in shards
        for datapoint in shard[first : first + 3]
    ]
    assert_same(together, whole)


@pytest.mark.parametrize("processes", [0, 2])
def test_start_resumes(opened, processes):
    whole = take(opened(colourful()), 120)
    assert_same(take(opened(colourful(), start=11, processes=processes), 54), whole[66:])


@pytest.mark.parametrize("processes", [0, 2])
def test_a_second_pass_begins_where_the_first_began(opened, processes):
    stream = opened(colourful(), start=2, processes=processes)
    first = take(stream, 70)
    assert_same(take(stream, 70), first)


def write_images(folder, count, corrupt=()):
    paths = [folder / f"{i:04}.png" for i in range(count)]
    for i, path in enumerate(paths):
        Image.new("RGB", (4, 4), (i % 256, i // 256, 0)).save(path)
        if i in corrupt:
            path.write_bytes(path.read_bytes()[:30])
    return Examples("toy", "train", "a", FileImages(paths), np.zeros(count), (4, 4, 3))


@pytest.fixture
def warnings(monkeypatch):
    seen = []
    monkeypatch.setattr(logging, "warning", lambda text, *values: seen.append(text % values))
    return seen


@pytest.mark.parametrize("processes", [0, 2])
def test_a_corrupt_image_is_replaced_by_the_next_and_named_once(
    opened, tmp_path, warnings, processes
):
    examples = write_images(tmp_path, 200, corrupt={17, 160})
    stream = opened(examples, augment="none", processes=processes)
    seen = indices(take(stream, 400))
    for epoch in range(2):
        order = epoch_order(200, 1, epoch).tolist()
        expected = list(order)
        for place in range(200):
            while expected[place] in (17, 160):
                expected[place] = order[(order.index(expected[place]) + 1) % 200]
        assert seen[200 * epoch : 200 * (epoch + 1)] == expected
    assert len(warnings) == 2
    assert sum("0017.png" in warning for warning in warnings) == 1
    assert warnings[1].startswith("corrupt image 2: ")


@pytest.mark.parametrize("processes", [0, 2])
@pytest.mark.parametrize("corrupt", [{3, 40, 77}, set(range(200))])
def test_more_than_one_percent_corrupt_stops(opened, tmp_path, warnings, processes, corrupt):
    stream = opened(write_images(tmp_path, 200, corrupt), augment="none", processes=processes)
    with pytest.raises(InputError, match=r"3 of the 200 images of toy \(train\) are corrupt"):
        take(stream, 200)
    assert len(warnings) == 3


def test_flow_reads_once_in_order_without_the_corrupt(tmp_path, warnings):
    examples = write_images(tmp_path, 6, corrupt={2, 3}).subset([5, 3, 2, 0])
    account = CorruptLog(examples)
    datapoints = list(flow(examples, account))
    assert indices(datapoints) == [5, 0]
    assert datapoints[0][0][0, 0].tolist() == [5, 0, 0]
    assert len(account) == len(warnings) == 2
    assert isinstance(flow(examples), DataFlow) and len(flow(examples)) == 4


@pytest.mark.parametrize(("batch_size", "workers"), [(6, 4), (0, 1), (1, 2)])
def test_batches_that_cannot_be_shared(batch_size, workers):
    with pytest.raises(InputError, match=f"--batch_size={batch_size} cannot be shared"):
        TrainingStream(colourful(), batch_size=batch_size, seed=0, shard=(0, workers))


def test_what_a_process_stumbles_over_reaches_the_parent(opened):
    def explode(self, position):
        raise KeyError("boom")

    examples = type("Exploding", (Examples,), {"image": explode})
    whole = colourful()
    broken = examples("toy", "train", "a", None, whole.labels, whole.image_shape)
    with pytest.raises(RuntimeError, match="boom"):
        take(opened(broken, augment="none", processes=1), 1)


def test_a_killed_process_is_noticed(opened):
    stream = opened(colourful(), processes=1)
    datapoints = iter(stream)
    next(datapoints)
    os.kill(stream._pool._map._procs[0].pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="exit code -9"):
        for _ in range(1000):
            next(datapoints)


_PARENT = """
import sys, time
from robust_tf.data.sources import load
from robust_tf.data.stream import TrainingStream
stream = TrainingStream(load("fake", "train"), batch_size=4, seed=0, augment="flip", processes=2)
stream.reset_state()
next(iter(stream))
print(*(process.pid for process in stream._pool._map._procs), flush=True)
time.sleep(60)
"""


def test_processes_die_with_a_killed_parent():
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    children = [int(pid) for pid in parent.stdout.readline().split()]
    parent.kill()
    parent.wait()
    assert len(children) == 2
    end = time.monotonic() + 10
    while any(_runs(pid) for pid in children):
        assert time.monotonic() < end
        time.sleep(0.05)


def _runs(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_work_decides_on_processes():
    ready, work = load("fake", "train", image_size=4), colourful()
    assert TrainingStream(ready, batch_size=1, seed=0)._pool is None
    assert TrainingStream(work, batch_size=1, seed=0)._pool is not None


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
