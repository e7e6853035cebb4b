"""The data sets that are held in memory: embedded (digits), made (fake), or read from arrays."""

import contextlib
import importlib
import io
import socket
from collections.abc import Callable, Iterator

import numpy as np

from robust_tf.data import array_files, class_names
from robust_tf.data.examples import ArrayImages
from robust_tf.data.request import Loaded, Request

_DIGITS_TRAIN = 1437
_FAKE_COUNTS = {"train": 1000, "test": 100}
_DOWNLOAD_TIMEOUT_SECONDS = 20.0


def load_digits(request: Request) -> Loaded:
    """scikit-learn's 1,797 digits of 8 x 8 pixels: the first 1,437 train, the last 360 test.

    The split is that of the official order, whatever the seed: as in the original collection, the
    digits of the two parts were written by different people.
    """
    from sklearn.datasets import load_digits  # here: it is slow to import

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    part = slice(None, _DIGITS_TRAIN) if request.split == "train" else slice(_DIGITS_TRAIN, None)
    images = ArrayImages(pixels[part], f"scikit-learn's digits ({request.split})")
    return Loaded(images, digits.target[part], class_names.DIGITS)


def load_fake(request: Request) -> Loaded:
    """Seeded random images and labels of 10 classes, for trials and for measuring speed."""
    count = _FAKE_COUNTS[request.split]
    rng = np.random.default_rng([request.seed, list(_FAKE_COUNTS).index(request.split)])
    pixels = rng.integers(0, 256, (count, *request.image_shape), np.uint8)
    labels = rng.integers(0, 10, count)
    return Loaded(ArrayImages(pixels, f"fake ({request.split})"), labels, class_names.DIGITS)


def load_mnist(request: Request) -> Loaded:
    """MNIST, from its idx files or mnist.npz."""
    return _from_arrays(request, class_names.DIGITS)


def load_fashion_mnist(request: Request) -> Loaded:
    """Fashion-MNIST, from its idx files or fashion_mnist.npz."""
    return _from_arrays(request, class_names.FASHION_MNIST)


def load_cifar10(request: Request) -> Loaded:
    """CIFAR-10, from its python version or cifar10.npz."""
    return _from_arrays(request, class_names.CIFAR10)


def load_cifar100(request: Request) -> Loaded:
    """CIFAR-100 with its 100 fine labels, from its python version or cifar100.npz."""
    return _from_arrays(request, class_names.CIFAR100)


def load_svhn(request: Request) -> Loaded:
    """SVHN's cropped digits, from train_32x32.mat and test_32x32.mat."""
    return _from_arrays(request, class_names.DIGITS)


def load_stl10(request: Request) -> Loaded:
    """STL-10's labelled images, from its binary files."""
    return _from_arrays(request, class_names.STL10)


_READERS: dict[str, tuple[Callable[..., array_files.Arrays | None], ...]] = {
    "mnist": (array_files.read_keras_npz, array_files.read_idx),
    "fashion_mnist": (array_files.read_keras_npz, array_files.read_idx),
    "cifar10": (array_files.read_keras_npz, array_files.read_cifar),
    "cifar100": (array_files.read_keras_npz, array_files.read_cifar),
    "svhn": (array_files.read_svhn,),
    "stl10": (array_files.read_stl10,),
}

_IDX = "{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz"
_WANTED = {  # the official files, and where they come from
    "mnist": (f"mnist.npz or {_IDX}", "yann.lecun.com/exdb/mnist"),
    "fashion_mnist": (
        f"fashion_mnist.npz or {_IDX}",
        "github.com/zalandoresearch/fashion-mnist or Debian's package dataset-fashion-mnist",
    ),
    "cifar10": ("cifar10.npz or cifar-10-python.tar.gz", "www.cs.toronto.edu/~kriz/cifar.html"),
    "cifar100": ("cifar100.npz or cifar-100-python.tar.gz", "www.cs.toronto.edu/~kriz/cifar.html"),
    "svhn": ("train_32x32.mat and test_32x32.mat", "ufldl.stanford.edu/housenumbers"),
    "stl10": (
        "stl10_binary/ with train_X.bin, train_y.bin, test_X.bin and test_y.bin",
        "cs.stanford.edu/~acoates/stl10",
    ),
}

_DOWNLOADABLE = ("mnist", "fashion_mnist", "cifar10", "cifar100")


def _from_arrays(request: Request, names: tuple[str, ...]) -> Loaded:
    found = (
        read(folder, request.name, request.split)
        for folder in request.folders
        for read in _READERS[request.name]
    )
    arrays = next((arrays for arrays in found if arrays is not None), None)
    if arrays is None:
        arrays = _download(request)
    return Loaded(ArrayImages(arrays.images, str(arrays.file)), arrays.labels, names)


def _download(request: Request) -> array_files.Arrays:
    """keras.datasets' copy of a split, which it keeps in its own cache for the next time."""
    missing = request.missing(*_WANTED[request.name])
    if request.name not in _DOWNLOADABLE:
        raise missing
    dataset = importlib.import_module(f"keras.datasets.{request.name}")
    try:
        with _quick_to_fail(), contextlib.redirect_stdout(io.StringIO()):
            train, test = dataset.load_data()
    except Exception as error:  # Keras raises a bare Exception where there is no network
        raise missing from error
    return array_files.checked(
        *(train if request.split == "train" else test), f"keras.datasets.{request.name}"
    )


@contextlib.contextmanager
def _quick_to_fail() -> Iterator[None]:
    # Without a time limit a network that swallows packets makes Keras wait for ever.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_DOWNLOAD_TIMEOUT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
