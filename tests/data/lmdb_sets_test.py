"""Data sets as several LMDB files: reading them, writing them, going on where it was stopped."""

import numpy as np
import pytest

from robust_tf.data import lmdb_files, lmdb_sets, lmdb_writing
from robust_tf.data.augmentation import augmentation
from robust_tf.data.sources import load
from robust_tf.errors import InputError
from tests.data.imagenet_files import levels, write_train


@pytest.fixture
def examples(tmp_path):
    """Six images of three classes, from folders."""
    write_train(tmp_path / "folders")
    return load("imagenet", "train", data_dir=tmp_path / "folders", image_size=4)


def write(examples, folder, shards=4):
    """Writes them, and gives how many images were new, and how many were there already."""
    counted = {True: 0.0, False: 0.0}

    def told(images, new):
        counted[new] += images

    lmdb_writing.write(examples, folder, shards, told)
    return counted[True], counted[False]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_what_was_read(tmp_path, examples):
    out = tmp_path / "out"
    assert write(examples, out) == (6, 0)
    shards = [f"train-0000{k}-of-00004.lmdb" for k in range(4)]
    assert names(out) == ["class_names.txt", *shards, "train-labels.npy"]
    for name in ("imagenet", "lmdb"):
        again = load(name, "train", data_dir=out, image_size=4)
        assert again.labels.tolist() == [0, 0, 2, 2, 999, 999]
        assert again.class_names == examples.class_names
        assert [again.raw(i) for i in range(6)] == [examples.raw(i) for i in range(6)]
    assert levels(again) == [10, 20, 30, 40, 50, 60]
    assert again.describe(5).endswith("key 00000001 of " + str(out / shards[3]))
    # An image keeps its index, and with it what its augmentation draws.
    change, key = augmentation("imagenet", "imagenet"), [0, 0, int(again.indices[4])]
    images = [change(each, 4, np.random.default_rng(key)) for each in (examples, again)]
    np.testing.assert_array_equal(*images)


def test_one_file_is_a_set_too(tmp_path, examples):
    assert write(examples, tmp_path / "out", shards=1) == (6, 0)
    (tmp_path / "out" / "train-00000-of-00001.lmdb").rename(tmp_path / "out" / "train.lmdb")
    again = load("imagenet", "train", data_dir=tmp_path / "out", image_size=4)
    assert levels(again) == [10, 20, 30, 40, 50, 60]


def test_it_goes_on_where_it_was_stopped(tmp_path, examples):
    out, count = tmp_path / "out", 0

    def stopping(images, new):
        nonlocal count
        count += 1
        if count == 7:  # the second file is written, and half of it is checked
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lmdb_writing.write(examples, out, 3, stopping)
    first, second, third = (lmdb_sets.shard_name("train", k, 3) for k in range(3))
    assert names(out) == [first]
    with pytest.raises(InputError, match="expected all parts of one set"):
        load("imagenet", "train", data_dir=out)
    before = (out / first).stat().st_mtime_ns
    # What a process that was killed leaves.
    (out / f"writing-{third}").write_bytes(b"half a file")
    assert write(examples, out, 3) == (4, 2)
    assert (out / first).stat().st_mtime_ns == before
    assert names(out) == ["class_names.txt", first, second, third, "train-labels.npy"]
    assert levels(load("imagenet", "train", data_dir=out, image_size=4))[-1] == 60


def test_other_files_are_refused(tmp_path, examples):
    out = tmp_path / "out"
    write(examples, out)
    with pytest.raises(InputError, match="already has train-00000-of-00004.lmdb.*the --shards"):
        write(examples, out, shards=5)
    # Another set of as many files: its images are others.
    with pytest.raises(InputError, match="00000-of-00004.lmdb is not what .*_1.JPEG and on are"):
        write(examples.subset([1, 0, 2, 3, 4, 5]), out)


def test_a_file_that_is_no_image_is_named_and_kept(tmp_path, examples):
    file = tmp_path / "folders" / "train" / "n15075141" / "n15075141_1.JPEG"
    file.write_bytes(b"<html>")
    broken = lmdb_writing.write(examples, tmp_path / "out", 2, lambda images, new: None)
    assert broken == [str(file)]
    assert load("imagenet", "train", data_dir=tmp_path / "out").raw(5) == b"<html>"


def test_labels_beside_spare_reading_them(tmp_path, examples, monkeypatch):
    out = tmp_path / "out"
    write(examples, out, shards=2)
    np.save(out / "train-labels.npy", [0, 0, 2, 2, 999, 5])
    with pytest.raises(
        InputError, match="train-labels.npy cannot be read .key 00000002 of .*other"
    ):
        load("imagenet", "train", data_dir=out)
    np.save(out / "train-labels.npy", [0, 0, 2])
    with pytest.raises(InputError, match=r"int64\(3,\).; expected the labels of the 6 datapoints"):
        load("imagenet", "train", data_dir=out)
    read = []
    datapoint = lmdb_files.LmdbImages.datapoint
    monkeypatch.setattr(
        lmdb_files.LmdbImages,
        "datapoint",
        lambda self, index: read.append(index) or datapoint(self, index),
    )
    np.save(out / "train-labels.npy", [0, 0, 2, 2, 999, 999])
    load("imagenet", "train", data_dir=out)
    assert len(read) == 4  # the ends of both files
    (out / "train-labels.npy").unlink()
    assert load("imagenet", "train", data_dir=out).labels.tolist() == [0, 0, 2, 2, 999, 999]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
