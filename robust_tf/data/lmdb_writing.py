"""Writes a split as LMDB files, each whole and checked against its sources or not there.

    write(examples, "out", shards=128, told=lambda images, new: ...)

tensorpack's LMDBSerializer cannot go on with a file, so that a split is many of them: those that
are there are left alone. An image keeps its place in the split, and with it the draws of its
augmentation.
"""

import contextlib
import io
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from robust_tf import files
from robust_tf.data import lmdb_sets
from robust_tf.data.decode import is_whole
from robust_tf.data.examples import Examples
from robust_tf.data.lmdb_files import LmdbImages
from robust_tf.errors import InputError
from robust_tf.interop.tensorpack import DataFlow, LMDBSerializer

Told = Callable[[float, bool], None]


def write(examples: Examples, folder: Path, shards: int, told: Told) -> list[str]:
    """Writes what is not there yet: the shards, then all labels, and the classes' names.

    Args:
      examples: the whole split.
      folder: where to; made where it is missing.
      shards: how many files.
      told: is called with the images that were done since the last call, halves included, and with
        whether they are new: those that were there already took no time.

    Returns:
      What names each image, of those written now, that is no whole JPEG or PNG file.

    Raises:
      InputError: where the folder has other files of the split than these.
    """
    names = [lmdb_sets.shard_name(examples.split, k, shards) for k in range(shards)]
    _refuse_others(folder, examples.split, set(names))
    ends = [len(examples) * k // shards for k in range(shards + 1)]
    broken = []
    for name, (first, end) in zip(names, itertools.pairwise(ends), strict=True):
        part = examples.subset(range(first, end))
        if (folder / name).exists():
            _check(folder / name, part, sorted({0, len(part) - 1}), lambda images, new: None)
            told(len(part), False)
            continue
        with files.replacing(folder / name) as temporary:
            broken += _write_one(temporary, part, told)
            _check(temporary, part, range(len(part)), told)
    with files.replacing(lmdb_sets.labels_file(folder, examples.split)) as temporary:
        with temporary.open("wb") as file:
            np.save(file, examples.labels)
    with files.replacing(folder / "class_names.txt") as temporary:
        temporary.write_text("\n".join(examples.class_names) + "\n")
    return broken


def _refuse_others(folder: Path, split: str, names: set[str]) -> None:
    """Other files of the split would be read in place of these, or beside them."""
    found = [*folder.glob(f"{split}.lmdb"), *folder.glob(f"{split}-*-of-*.lmdb")]
    others = sorted(path.name for path in found if path.name not in names)
    if others:
        raise InputError(
            f"{folder} already has {others[0]}, which is none of the {len(names)} files to write; "
            "expected the --shards that it was begun with, or another --output_dir."
        )


def _write_one(path: Path, part: Examples, told: Told) -> list[str]:
    path.unlink(missing_ok=True)  # of a process that was killed
    flow = _Part(part, told)
    with contextlib.redirect_stderr(io.StringIO()):  # a bar of its own for each file
        LMDBSerializer.save(flow, str(path))
    path.with_name(f"{path.name}-lock").unlink()
    return flow.broken


def _check(path: Path, part: Examples, positions: range | list[int], told: Told) -> None:
    """Raises unless a file has these images, of which some are compared."""
    with contextlib.closing(LmdbImages(path)) as stored:
        same = len(stored) == len(part)
        for position in positions if same else ():
            image, label = stored[position], stored.label(position)
            same &= np.array_equal(image, part.raw(position)) and label == part.labels[position]
            told(0.5, True)
    if not same:
        raise InputError(
            f"{path} is not what {part.describe(0)} and on are; expected the same images: remove "
            "it, or write to another --output_dir."
        )


class _Part(DataFlow):
    """The datapoints [image, label] of some examples, as they are stored."""

    def __init__(self, part: Examples, told: Told):
        self._part, self._told = part, told
        self.broken: list[str] = []

    def __len__(self) -> int:
        return len(self._part)

    def __iter__(self) -> Iterator[list]:
        for position in range(len(self)):
            raw = self._part.raw(position)
            if isinstance(raw, bytes) and not is_whole(raw):
                self.broken.append(self._part.describe(position))
            yield [raw, int(self._part.labels[position])]
            self._told(0.5, True)
