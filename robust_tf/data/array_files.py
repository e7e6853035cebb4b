"""The official files of the data sets that fit in memory, each read to images and labels.

Every reader takes a folder, the data set's name and the split; it returns None where its files are
not in that folder, and raises InputError naming the file where they are not what they should be.
"""

import contextlib
import gzip
import math
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from robust_tf.data import pickles
from robust_tf.errors import InputError


class Arrays(NamedTuple):
    """A split in memory: uint8 NHWC images, integer labels, and the file they come from."""

    images: np.ndarray
    labels: np.ndarray
    file: Path | str


UNREADABLE = (  # what the readers of foreign files are known to raise
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


@contextlib.contextmanager
def refused(path: Path, expected: str) -> Iterator[None]:
    """Turns what a reader stumbles over into the sentence that names the file.

    Args:
      path: the file.
      expected: what it should be.
    """
    try:
        yield
    except InputError:
        raise
    except UNREADABLE as error:
        raise InputError(f"{path} cannot be read ({error}); expected {expected}.") from error


def read_keras_npz(folder: Path, name: str, split: str) -> Arrays | None:
    """NAME.npz with x_train, y_train, x_test, y_test, as keras.datasets keeps them."""
    path = folder / f"{name}.npz"
    if not path.is_file():
        return None
    with refused(path, "arrays x_train, y_train, x_test and y_test of images and labels"):
        with np.load(path, allow_pickle=False) as arrays:
            return checked(arrays[f"x_{split}"], arrays[f"y_{split}"], path)


def read_idx(folder: Path, name: str, split: str) -> Arrays | None:
    """MNIST's and Fashion-MNIST's idx files, compressed or not."""
    del name  # both sets call their files alike
    prefix = "train" if split == "train" else "t10k"
    images = _existing(folder / f"{prefix}-images-idx3-ubyte")
    labels = _existing(folder / f"{prefix}-labels-idx1-ubyte")
    if images is None or labels is None:
        return None
    return checked(_idx(images), _idx(labels), images)


def _existing(path: Path) -> Path | None:
    candidates = (path, path.with_name(path.name + ".gz"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _idx(path: Path) -> np.ndarray:
    with refused(path, "an idx file of unsigned bytes"):
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        zeros, kind, dimensions = struct.unpack(">HBB", data[:4])
        if zeros != 0 or kind != 8:
            raise ValueError("its first bytes are not those of an idx file of unsigned bytes")
        shape = struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions])
        values = np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions)
        if len(values) != math.prod(shape):
            raise ValueError(f"it has {len(values)} values where its head says {shape}")
        return values.reshape(shape)


_CIFAR = {  # folder, files of each split, key of the labels
    "cifar10": (
        "cifar-10-batches-py",
        {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]},
        b"labels",
    ),
    "cifar100": (
        "cifar-100-python",
        {"train": ["train"], "test": ["test"]},
        b"fine_labels",
    ),
}


def read_cifar(folder: Path, name: str, split: str) -> Arrays | None:
    """The "python version" of CIFAR-10 and CIFAR-100, unpacked or as the .tar.gz itself."""
    subfolder, files, label_key = _CIFAR[name]
    unpacked = folder / subfolder
    archive = folder / f"{subfolder.removesuffix('-batches-py').removesuffix('-python')}-python"
    archive = archive.with_name(archive.name + ".tar.gz")
    if unpacked.is_dir():
        path, batches = unpacked, _unpacked_batches(unpacked, files[split])
    elif archive.is_file():
        path, batches = archive, _archived_batches(archive, subfolder, files[split])
    else:
        return None
    with refused(path, f"the pickles {', '.join(files[split])} with data and labels"):
        loaded = [pickles.loads(batch) for batch in batches]
        planes = np.concatenate([np.asarray(batch[b"data"]) for batch in loaded])
        labels = np.concatenate([np.asarray(batch[label_key]) for batch in loaded])
        return checked(planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels, path)


def _unpacked_batches(folder: Path, files: list[str]) -> Iterator[bytes]:
    return ((folder / file).read_bytes() for file in files)


def _archived_batches(archive: Path, folder: str, files: list[str]) -> Iterator[bytes]:
    with tarfile.open(archive) as tar:
        for file in files:
            yield tar.extractfile(f"{folder}/{file}").read()


def read_svhn(folder: Path, name: str, split: str) -> Arrays | None:
    """SVHN's cropped digits (format 2): train_32x32.mat and test_32x32.mat."""
    del name
    path = folder / f"{split}_32x32.mat"
    if not path.is_file():
        return None
    import scipy.io  # here: it is slow to import, and only this set needs it

    with refused(path, "a MATLAB file with the arrays X and y"):
        arrays = scipy.io.loadmat(path, variable_names=("X", "y"))
        labels = arrays["y"].ravel().astype(np.int64)
        labels[labels == 10] = 0  # SVHN's files write the digit 0 as 10
        return checked(arrays["X"].transpose(3, 0, 1, 2), labels, path)


def read_stl10(folder: Path, name: str, split: str) -> Arrays | None:
    """STL-10's stl10_binary/{train,test}_{X,y}.bin."""
    del name
    path = folder / "stl10_binary" / f"{split}_X.bin"
    if not path.is_file():
        return None
    with refused(path, f"STL-10's images, 3 x 96 x 96 bytes each, beside {split}_y.bin"):
        planes = np.fromfile(path, np.uint8).reshape(-1, 3, 96, 96)
        labels = np.fromfile(path.with_name(f"{split}_y.bin"), np.uint8).astype(np.int64) - 1
        return checked(planes.transpose(0, 3, 2, 1), labels, path)  # stored column by column


def checked(images: np.ndarray, labels: np.ndarray, file: Path | str) -> Arrays:
    """The arrays of a file as uint8 NHWC images and one label each, or the sentence why not.

    Args:
      images: NHW or NHWC.
      labels: N or N x 1.
      file: where they come from.
    """
    images = images[..., None] if images.ndim == 3 else images
    good = images.dtype == np.uint8 and images.ndim == 4 and images.shape[3] in (1, 3)
    if not good or labels.size != len(images) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"{file} holds images {images.dtype}{images.shape} and labels {labels.dtype}"
            f"{labels.shape}; expected uint8 images of 1 or 3 channels and a whole number for each."
        )
    return Arrays(np.ascontiguousarray(images), labels.ravel().astype(np.int64), file)
