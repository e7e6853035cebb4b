"""LMDB files as tensorpack's LMDBSerializer writes them."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from robust_tf.data.examples import CorruptImage
from robust_tf.data.sources import load
from robust_tf.errors import InputError
from robust_tf.interop.tensorpack import DataFlow, LMDBSerializer


class Datapoints(DataFlow):
    def __init__(self, datapoints):
        self.datapoints = datapoints

    def __len__(self):
        return len(self.datapoints)

    def __iter__(self):
        yield from self.datapoints


def png(level):
    buffer = io.BytesIO()
    Image.new("RGB", (3, 5), (level,) * 3).save(buffer, "PNG")
    return buffer.getvalue()


def write(path, datapoints):
    LMDBSerializer.save(Datapoints(datapoints), str(path))


@pytest.mark.parametrize("as_directory", [True, False])
def test_every_way_to_keep_an_image(tmp_path, as_directory):
    path = tmp_path / "train.lmdb"
    if as_directory:
        path.mkdir()
    datapoints = [
        [png(10), 2],
        [np.frombuffer(png(20), np.uint8), np.int64(0)],
        [np.full((4, 4, 3), 30, np.uint8), 1],
        [np.full((4, 4), 40, np.uint8), 2],
    ]
    write(path, datapoints)
    loaded = load("lmdb", "train", data_dir=tmp_path, image_size=2)
    assert loaded.labels.tolist() == [2, 0, 1, 2]
    assert loaded.class_names == ("0", "1", "2")
    for i, level in enumerate((10, 20, 30, 40)):
        np.testing.assert_array_equal(loaded.image(i), np.full((2, 2, 3), level))
    assert load("lmdb", "train", data_dir=tmp_path).image_shape == (224, 224, 3)


def test_classes_are_those_of_both_files_or_of_the_list(tmp_path):
    write(tmp_path / "train.lmdb", [[png(1), 4]])
    write(tmp_path / "test.lmdb", [[png(1), 1]])
    assert len(load("lmdb", "test", data_dir=tmp_path).class_names) == 5
    (tmp_path / "class_names.txt").write_text("ant\nbee\n")
    assert load("lmdb", "test", data_dir=tmp_path).class_names == ("ant", "bee")
    with pytest.raises(InputError, match="key 00000000 of .*train.lmdb has the label 4"):
        load("lmdb", "train", data_dir=tmp_path)


@pytest.mark.parametrize("label", [-1, 1.5, "cat"])
def test_labels_that_are_none(tmp_path, label):
    write(tmp_path / "train.lmdb", [[png(1), 0], [png(1), label]])
    with pytest.raises(InputError, match="key 00000001 of .*train.lmdb has the label"):
        load("lmdb", "train", data_dir=tmp_path)


def test_corrupt_images_are_named(tmp_path):
    write(tmp_path / "test.lmdb", [[b"no image", 0], [np.zeros((2, 2, 4), np.uint8), 0]])
    loaded = load("lmdb", "test", data_dir=tmp_path)
    with pytest.raises(CorruptImage, match="key 00000000 of .*test.lmdb: no whole JPEG or PNG"):
        loaded.image(0)
    with pytest.raises(CorruptImage, match="key 00000001 of .*neither encoded bytes nor"):
        loaded.image(1)


def test_it_can_be_read_before_and_after_a_fork(tmp_path):
    write(tmp_path / "test.lmdb", [[png(9), 0]])
    loaded = load("lmdb", "test", data_dir=tmp_path, image_size=1)
    child = os.fork()
    if child == 0:
        os._exit(0 if loaded.image(0)[0, 0, 0] == 9 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert loaded.image(0)[0, 0, 0] == 9


def test_files_of_another_kind_are_named(tmp_path):
    with pytest.raises(InputError, match="wants train.lmdb in --data_dir"):
        load("lmdb", "train", data_dir=tmp_path)
    (tmp_path / "train.lmdb").write_bytes(b"no database")
    with pytest.raises(InputError, match="train.lmdb cannot be read"):
        load("lmdb", "train", data_dir=tmp_path)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
