"""One LMDB file as tensorpack's LMDBSerializer.save writes it.

Each datapoint is [image, label]: the image a uint8 array (HW, or HWC in RGB) or the bytes of a JPEG
or PNG file (also as a one-dimensional uint8 array, as tensorpack's own examples keep them).
"""

import os
from pathlib import Path
from typing import Any

import lmdb
import numpy as np

from robust_tf.data import pickles
from robust_tf.data.array_files import UNREADABLE, refused
from robust_tf.data.examples import CorruptImage
from robust_tf.errors import InputError

_opened: dict[Path, tuple[int, lmdb.Environment]] = {}

LAYOUT = "datapoints [image, label] as tensorpack's LMDBSerializer.save writes them"


class LmdbImages:
    """The images of an LMDB file, in the order of its own list of keys."""

    def __init__(self, path: Path):
        self._path = path
        with refused(path, LAYOUT):
            stored_keys = self._value(b"__keys__")
            if stored_keys is None:
                raise ValueError("it has no list of keys, __keys__")
            self._keys = pickles.loads(stored_keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, index: int) -> bytes | np.ndarray:
        try:
            return _image(self.datapoint(index)[0])
        except UNREADABLE as error:
            raise CorruptImage(f"{self.describe(index)}: {error}") from error

    def describe(self, index: int) -> str:
        return f"key {self._keys[index].decode()} of {self._path}"

    def datapoint(self, index: int) -> list[Any]:
        """The datapoint at this place of the list of keys."""
        value = self._value(self._keys[index])
        if value is None:
            raise ValueError("the key is listed but not stored")
        return pickles.loads(value)

    def label(self, index: int) -> int:
        """The label at this place of the list of keys."""
        with refused(self._path, LAYOUT):
            label = self.datapoint(index)[1]
            if np.ndim(label) or not np.issubdtype(np.asarray(label).dtype, np.integer):
                raise InputError(
                    f"{self.describe(index)} has the label {label!r}; expected a whole number."
                )
        return int(label)

    def close(self) -> None:
        """Closes the file in this process; it is opened again when it is read again."""
        if self._path in _opened:
            _opened.pop(self._path)[1].close()

    def labels(self) -> np.ndarray:
        """All labels, of which each is read with its image."""
        return np.array([self.label(index) for index in range(len(self))], np.int64)

    def _value(self, key: bytes) -> bytes | None:
        try:
            with _environment(self._path).begin() as transaction:
                return transaction.get(key)
        except lmdb.Error as error:
            raise ValueError(str(error)) from error


def _image(stored: Any) -> bytes | np.ndarray:
    if isinstance(stored, bytes):
        return stored
    pixels = np.asarray(stored)
    if pixels.dtype == np.uint8 and pixels.ndim == 1:
        return pixels.tobytes()
    if pixels.dtype == np.uint8 and pixels.ndim == 2:
        return pixels[..., None]
    if pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] in (1, 3):
        return pixels
    raise ValueError(f"{pixels.dtype}{pixels.shape} is neither encoded bytes nor a uint8 image")


def _environment(path: Path) -> lmdb.Environment:
    """The file, opened once in each process: LMDB allows neither twice nor use across a fork."""
    owner, environment = _opened.get(path, (0, None))
    if owner != os.getpid():
        if environment is not None:
            environment.close()
        environment = lmdb.open(
            str(path), subdir=path.is_dir(), readonly=True, lock=False, readahead=False
        )
        _opened[path] = os.getpid(), environment
    return environment
