"""The data sets that fit in memory, from small files in their official formats."""

import gzip
import io
import os
import pickle
import struct
import tarfile

import keras
import numpy as np
import pytest
import scipy.io

from robust_tf.data.sources import load
from robust_tf.errors import InputError

RNG = np.random.default_rng(0)


def pixels(*shape):
    return RNG.integers(0, 256, shape, np.uint8)


def read_all(examples):
    return np.stack([examples.image(i) for i in range(len(examples))])


def write_idx(path, array):
    head = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wb") as file:
        file.write(head + array.tobytes())


@pytest.fixture
def no_download(monkeypatch):
    def unreachable():
        raise Exception("URL fetch failure")  # as Keras raises it

    for name in ("mnist", "fashion_mnist", "cifar10", "cifar100"):
        monkeypatch.setattr(getattr(keras.datasets, name), "load_data", unreachable)


def test_digits_are_embedded_and_split_by_order():
    train, test = load("digits", "train", seed=1), load("digits", "test", seed=2)
    assert (len(train), len(test)) == (1437, 360)
    assert train.image_shape == (8, 8, 1) and train.class_names == tuple("0123456789")
    # The first image of the collection: a zero whose first row is 0 0 5 13 9 1 0 0 of 16.
    assert train.labels[0] == 0
    assert train.image(0)[0, :, 0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]
    assert test.indices[0] == 0


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("subfolder", ["", "mnist"])
def test_mnist_idx(tmp_path, suffix, subfolder):
    folder = tmp_path / subfolder
    folder.mkdir(exist_ok=True)
    images, labels = pixels(3, 28, 28), np.array([5, 0, 9], np.uint8)
    write_idx(folder / f"t10k-images-idx3-ubyte{suffix}", images)
    write_idx(folder / f"t10k-labels-idx1-ubyte{suffix}", labels)
    loaded = load("mnist", "test", data_dir=tmp_path)
    assert loaded.labels.tolist() == [5, 0, 9] and loaded.image_shape == (28, 28, 1)
    np.testing.assert_array_equal(read_all(loaded)[..., 0], images)


def test_the_own_folder_comes_first(tmp_path):
    (tmp_path / "fashion_mnist").mkdir()
    for folder, label in ((tmp_path, 1), (tmp_path / "fashion_mnist", 7)):
        write_idx(folder / "train-images-idx3-ubyte", pixels(1, 28, 28))
        write_idx(folder / "train-labels-idx1-ubyte", np.array([label], np.uint8))
    loaded = load("fashion_mnist", "train", data_dir=tmp_path)
    assert loaded.class_names[loaded.labels[0]] == "Sneaker"


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mnist", (28, 28)),
        ("fashion_mnist", (28, 28)),
        ("cifar10", (32, 32, 3)),
        ("cifar100", (32, 32, 3)),
    ],
)
def test_keras_npz(tmp_path, name, shape):
    arrays = {"x_train": pixels(4, *shape), "x_test": pixels(2, *shape)}
    arrays |= {"y_train": np.array([[1], [2], [3], [4]]), "y_test": np.array([5, 6])}
    np.savez(tmp_path / f"{name}.npz", **arrays)
    for split, labels in (("train", [1, 2, 3, 4]), ("test", [5, 6])):
        loaded = load(name, split, data_dir=tmp_path)
        assert loaded.labels.tolist() == labels
        np.testing.assert_array_equal(
            read_all(loaded).reshape(arrays[f"x_{split}"].shape), arrays[f"x_{split}"]
        )


def cifar_batch(images, labels, key):
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return pickle.dumps({b"data": planes, key: labels, b"filenames": [b"x.png"]}, protocol=2)


@pytest.mark.parametrize("archived", [False, True])
def test_cifar10_pickles(tmp_path, archived):
    images = pixels(10, 32, 32, 3)
    batches = {
        f"data_batch_{i + 1}": cifar_batch(images[2 * i : 2 * i + 2], [i, i + 5], b"labels")
        for i in range(5)
    }
    if archived:
        with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as tar:
            for name, data in batches.items():
                member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    else:
        (tmp_path / "cifar-10-batches-py").mkdir()
        for name, data in batches.items():
            (tmp_path / "cifar-10-batches-py" / name).write_bytes(data)
    loaded = load("cifar10", "train", data_dir=tmp_path)
    assert loaded.labels.tolist() == [0, 5, 1, 6, 2, 7, 3, 8, 4, 9]
    np.testing.assert_array_equal(read_all(loaded), images)
    with pytest.raises(InputError, match="test_batch"):
        load("cifar10", "test", data_dir=tmp_path)


def test_cifar100_has_the_fine_labels(tmp_path):
    folder = tmp_path / "cifar100" / "cifar-100-python"
    folder.mkdir(parents=True)
    (folder / "test").write_bytes(cifar_batch(pixels(2, 32, 32, 3), [99, 0], b"fine_labels"))
    loaded = load("cifar100", "test", data_dir=tmp_path)
    assert [loaded.class_names[label] for label in loaded.labels] == ["worm", "apple"]
    assert len(loaded.class_names) == 100


def test_a_pickle_cannot_run_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "test_batch").write_bytes(pickle.dumps({b"data": Evil(), b"labels": []}))
    with pytest.raises(InputError, match="only arrays are read"):
        load("cifar10", "test", data_dir=tmp_path)
    assert not (tmp_path / "pwned").exists()


def test_svhn_mat_reads_label_10_as_zero(tmp_path):
    images = pixels(3, 32, 32, 3)
    arrays = {"X": images.transpose(1, 2, 3, 0), "y": np.array([[10], [1], [9]], np.uint8)}
    scipy.io.savemat(tmp_path / "test_32x32.mat", arrays)
    loaded = load("svhn", "test", data_dir=tmp_path)
    assert loaded.labels.tolist() == [0, 1, 9]
    np.testing.assert_array_equal(read_all(loaded), images)


def test_stl10_is_stored_column_by_column(tmp_path):
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    images = pixels(2, 96, 96, 3)
    images.transpose(0, 3, 2, 1).tofile(folder / "train_X.bin")
    np.array([1, 10], np.uint8).tofile(folder / "train_y.bin")
    loaded = load("stl10", "train", data_dir=tmp_path)
    assert [loaded.class_names[label] for label in loaded.labels] == ["airplane", "truck"]
    np.testing.assert_array_equal(read_all(loaded), images)


def test_fake_depends_on_seed_and_split_alone():
    train, again = load("fake", "train", seed=1, image_size=8), load("fake", "train", seed=1)
    assert (len(train), len(load("fake", "test"))) == (1000, 100)
    assert train.image_shape == (8, 8, 3) and again.image_shape == (32, 32, 3)
    np.testing.assert_array_equal(
        again.image(5), load("fake", "train", seed=1, image_size=32).image(5)
    )
    assert (again.image(5) != load("fake", "train", seed=2).image(5)).any()
    assert set(train.labels) == set(range(10))


def test_cut_files_are_named(tmp_path):
    write_idx(tmp_path / "t10k-images-idx3-ubyte", pixels(3, 28, 28))
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.zeros(3, np.uint8))
    images = tmp_path / "t10k-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1])
    with pytest.raises(InputError, match="t10k-images-idx3-ubyte cannot be read"):
        load("mnist", "test", data_dir=tmp_path)
    (tmp_path / "cifar10.npz").write_bytes(b"PK no zip")
    with pytest.raises(InputError, match="cifar10.npz cannot be read"):
        load("cifar10", "test", data_dir=tmp_path)


def test_unequal_counts_are_named(tmp_path):
    write_idx(tmp_path / "t10k-images-idx3-ubyte", pixels(3, 28, 28))
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.zeros(2, np.uint8))
    with pytest.raises(InputError, match="expected uint8 images"):
        load("mnist", "test", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("name", "wanted", "origin"),
    [
        ("mnist", "mnist.npz", "yann.lecun.com"),
        ("fashion_mnist", "fashion_mnist.npz", "fashion-mnist"),
        ("cifar10", "cifar-10-python.tar.gz", "kriz/cifar"),
        ("cifar100", "cifar-100-python.tar.gz", "kriz/cifar"),
        ("svhn", "train_32x32.mat", "housenumbers"),
        ("stl10", "train_X.bin", "acoates/stl10"),
    ],
)
@pytest.mark.parametrize("given", [True, False])
def test_missing_files_are_named(tmp_path, no_download, name, wanted, origin, given):
    with pytest.raises(InputError) as error:
        load(name, "train", data_dir=tmp_path if given else None)
    sentence = str(error.value)
    assert wanted in sentence and origin in sentence and "--data_dir" in sentence
    assert (str(tmp_path) in sentence) == given


def test_a_missing_set_is_downloaded(monkeypatch, capsys):
    images = pixels(2, 28, 28)

    def load_data():
        print("Downloading data from somewhere")
        return (images, np.array([3, 4])), (images[:1], np.array([3]))

    monkeypatch.setattr(keras.datasets.mnist, "load_data", load_data)
    loaded = load("mnist", "train")
    assert loaded.labels.tolist() == [3, 4]
    np.testing.assert_array_equal(read_all(loaded)[..., 0], images)
    assert capsys.readouterr().out == ""


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
