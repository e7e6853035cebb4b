"""Batches: what training, validation and evaluation are given, and what they are told."""

import gc
import io
import multiprocessing

import numpy as np
import pytest
import tensorflow as tf
from absl import logging
from PIL import Image

from robust_tf.data.decode import decode_and_resize
from robust_tf.data.examples import ArrayImages, Examples, FileImages
from robust_tf.data.failures import raise_from_stream
from robust_tf.data.pipeline import (
    evaluation_dataset,
    training_dataset,
    validation_batches,
    validation_dataset,
)
from robust_tf.errors import InputError

COUNT = 20


def colourful():
    pixels = np.random.default_rng(0).integers(0, 256, (COUNT, 4, 4, 3), np.uint8)
    labels = np.arange(COUNT) % 10
    return Examples("cifar10", "train", "0123456789", ArrayImages(pixels, "toy"), labels, (4, 4, 3))


def files(folder, count, corrupt=()):
    paths = [folder / f"{i}.jpg" for i in range(count)]
    for i, path in enumerate(paths):
        pixels = np.random.default_rng(i).integers(0, 256, (9, 7, 3), np.uint8)
        Image.fromarray(pixels).save(path)
        if i in corrupt:
            path.write_bytes(path.read_bytes()[:200])
    return Examples("folder", "test", "a", FileImages(paths), np.zeros(count), (6, 6, 3))


def take(dataset, count):
    return [tuple(part.numpy() for part in batch) for batch in dataset.take(count)]


def indices(batches):
    return [batch[2].tolist() for batch in batches]


def assert_same(one, other):
    for batch, same in zip(one, other, strict=True):
        for part, same_part in zip(batch, same, strict=True):
            np.testing.assert_array_equal(part, same_part)


def test_training_batches():
    examples = colourful()
    dataset = training_dataset(examples, batch_size=8, seed=0, augment="none")
    image, label, index = dataset.element_spec
    assert image == tf.TensorSpec((8, 4, 4, 3), tf.float32)
    assert label == index == tf.TensorSpec((8,), tf.int32)
    batches = take(dataset, 5)
    assert sorted(np.concatenate(indices(batches))) == sorted([*range(COUNT)] * 2)
    for images, labels, numbers in batches:
        for image, label, number in zip(images, labels, numbers, strict=True):
            np.testing.assert_allclose(image, examples.image(number) / 255, atol=1e-7)
            assert label == number % 10


@pytest.mark.parametrize("processes", [0, 2])
def test_replicas_and_workers_share_the_same_global_batches(processes):
    options = {"batch_size": 8, "seed": 3}
    whole = take(training_dataset(colourful(), **options, processes=0), 6)
    parts = [
        take(
            training_dataset(
                colourful(), **options, shard=(worker, 2), replicas=2, processes=processes
            ),
            12,
        )
        for worker in (0, 1)
    ]
    for step, batch in enumerate(whole):
        shares = [part[2 * step + replica] for part in parts for replica in (0, 1)]
        assert [len(share[0]) for share in shares] == [2] * 4
        assert_same([batch], [[np.concatenate(column) for column in zip(*shares, strict=True)]])


def test_training_starts_anywhere_and_again():
    dataset = training_dataset(colourful(), batch_size=8, seed=0, start=3, processes=2)
    whole = take(training_dataset(colourful(), batch_size=8, seed=0, processes=0), 8)
    assert_same(take(dataset, 5), whole[3:])
    assert_same(take(dataset, 5), whole[3:])


@pytest.fixture
def young_objects_only():
    """Within it, collecting garbage takes no time over what other tests have left."""
    gc.freeze()
    yield
    gc.unfreeze()


def test_processes_end_with_the_last_use_of_the_data_set(young_objects_only):
    before = set(multiprocessing.active_children())
    dataset = training_dataset(colourful(), batch_size=8, seed=0, processes=1)
    processes = set(multiprocessing.active_children()) - before
    assert len(processes) == 1
    batches = iter(dataset)
    del dataset
    gc.collect()
    next(batches)
    assert all(process.is_alive() for process in processes)
    del batches
    gc.collect()
    assert not any(process.is_alive() for process in processes)


def test_batches_that_cannot_be_shared():
    with pytest.raises(InputError, match="--batch_size=9 .* multiple of 4"):
        training_dataset(colourful(), batch_size=9, seed=0, shard=(0, 2), replicas=2)


def test_the_reason_is_found_again(tmp_path, monkeypatch):
    monkeypatch.setattr(logging, "warning", lambda *_: None)
    examples = files(tmp_path, 4, corrupt={1})
    dataset = training_dataset(examples, batch_size=4, seed=0, processes=0)
    with pytest.raises(tf.errors.OpError) as caught:
        take(dataset, 1)
    with pytest.raises(InputError, match="1 of the 4 images of folder"):
        raise_from_stream(caught.value)
    raise_from_stream(ValueError("another error is left alone"))


def test_evaluation_is_finite_and_in_order():
    examples = colourful().subset(range(0, 20, 2))
    batches = take(evaluation_dataset(examples, 4), 99)
    assert indices(batches) == [[0, 2, 4, 6], [8, 10, 12, 14], [16, 18]]
    np.testing.assert_allclose(batches[1][0][0], examples.image(4) / 255, atol=1e-7)
    assert_same(take(evaluation_dataset(examples, 4, start=2), 99), batches[2:])


def test_evaluation_decodes_as_an_export_does(tmp_path):
    (images, *_), *_ = take(evaluation_dataset(files(tmp_path, 3), 3), 1)
    for i, image in enumerate(images):
        expected = decode_and_resize(tf.io.read_file(str(tmp_path / f"{i}.jpg")), (6, 6, 3))
        np.testing.assert_array_equal(image, expected)


def test_evaluation_resizes_arrays():
    small = colourful()
    large = Examples("cifar10", "test", small.class_names, small._images, small.labels, (8, 8, 1))
    (images, *_), *_ = take(evaluation_dataset(large, 3), 1)
    assert images.shape == (3, 8, 8, 1)
    assert np.abs(255 * images[2] - large.image(2)).max() <= 1


def test_evaluation_leaves_corrupt_images_out(tmp_path, monkeypatch):
    warnings = []
    monkeypatch.setattr(logging, "warning", lambda text, *values: warnings.append(text % values))
    batches = take(evaluation_dataset(files(tmp_path, 7, corrupt={0, 2, 3}), 2), 99)
    assert indices(batches) == [[1], [4, 5], [6]]
    assert len(warnings) == 3 and "0.jpg" in warnings[0]
    assert warnings[2].startswith("corrupt image 3")


def test_validation_keeps_workers_in_step(tmp_path, monkeypatch):
    monkeypatch.setattr(logging, "warning", lambda *_: None)
    examples = files(tmp_path, 9, corrupt={1})
    assert validation_batches(examples, 4) == 3
    dataset = validation_dataset(examples, 4)
    assert dataset.element_spec[0].shape == (4, 6, 6, 3)
    whole = take(dataset, 99)
    assert indices(whole) == [[0, 2, 3, -1], [4, 5, 6, 7], [8, -1, -1, -1]]
    np.testing.assert_array_equal(whole[0][0][3], whole[0][0][0])
    shards = [take(validation_dataset(examples, 4, shard=(k, 2)), 99) for k in (0, 1)]
    assert indices(shards[0]) == [[0, -1], [4, 5], [8, -1]]
    assert indices(shards[1]) == [[2, 3], [6, 7], [-1, -1]]
    replicas = take(validation_dataset(examples, 4, shard=(0, 1), replicas=2), 99)
    assert indices(replicas) == [[0, -1], [2, 3], [4, 5], [6, 7], [8, -1], [-1, -1]]


def test_cmyk_and_grey_files_are_read_alike_for_training_and_evaluation(tmp_path):
    buffer = io.BytesIO()
    Image.new("CMYK", (5, 5), (10, 200, 30, 40)).save(buffer, "JPEG")
    (tmp_path / "cmyk.jpg").write_bytes(buffer.getvalue())
    Image.new("L", (5, 5), 99).save(tmp_path / "grey.jpg")
    paths = [tmp_path / "cmyk.jpg", tmp_path / "grey.jpg"]
    examples = Examples("folder", "test", "a", FileImages(paths), np.zeros(2), (8, 8, 3))
    (images, *_), *_ = take(evaluation_dataset(examples, 2), 1)
    for i in range(2):
        assert np.abs(255 * images[i] - examples.image(i)).max() <= 2


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
