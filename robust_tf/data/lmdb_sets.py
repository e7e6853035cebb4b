"""Data sets in LMDB files: a split is one file, train.lmdb, or several, train-00003-of-00128.lmdb.

train-labels.npy beside them, where it is there, has all labels, so that no datapoint is read for
its label alone. tools/make_lmdb writes both.
"""

import bisect
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from robust_tf.data.array_files import refused
from robust_tf.data.lmdb_files import LmdbImages
from robust_tf.data.request import Loaded, Request
from robust_tf.errors import InputError

_ORIGIN = "tools/make_lmdb, or LMDBSerializer.save of a data flow of [image, label]"


class Shards:
    """The images of several LMDB files, one file after the other."""

    def __init__(self, paths: Sequence[Path]):
        self.files = [LmdbImages(path) for path in paths]
        self.ends = np.cumsum([len(file) for file in self.files]).tolist()

    def __len__(self) -> int:
        return self.ends[-1]

    def __getitem__(self, index: int) -> bytes | np.ndarray:
        file, place = self._place(index)
        return file[place]

    def describe(self, index: int) -> str:
        file, place = self._place(index)
        return file.describe(place)

    def _place(self, index: int) -> tuple[LmdbImages, int]:
        number = bisect.bisect_right(self.ends, index)
        return self.files[number], index - (self.ends[number] - len(self.files[number]))


def load_lmdb(request: Request) -> Loaded:
    """The LMDBs train and test (or val) in DIR, with class names from DIR/class_names.txt if there.

    Without it the classes are 0 to the highest label of both splits, which are then both read.
    """
    of_split = {"train": ("train",), "test": ("test", "val")}
    found = {}
    for split, names in of_split.items():
        found[split] = [] if request.data_dir is None else shards(request.data_dir, names)
    if not found[request.split]:
        raise request.missing(f"{request.split}.lmdb", _ORIGIN)
    images, labels = read(found[request.split])
    names_file = request.data_dir / "class_names.txt"
    if names_file.is_file():
        return Loaded(images, labels, tuple(names_file.read_text().splitlines()))
    other = found["test" if request.split == "train" else "train"]
    others = read(other)[1] if other else labels
    highest = max(labels.max(initial=0), others.max(initial=0))
    return Loaded(images, labels, tuple(str(label) for label in range(highest + 1)))


def shards(folder: Path, names: Sequence[str]) -> list[Path]:
    """The LMDB files of the first of these splits that a folder has, in order; none without any.

    Args:
      folder: where they lie.
      names: of the split, train and the like.
    """
    for name in names:
        whole, parts = folder / f"{name}.lmdb", sorted(folder.glob(f"{name}-*-of-*.lmdb"))
        if whole.exists():
            return [whole]
        if parts:
            wanted = [shard_name(name, k, len(parts)) for k in range(len(parts))]
            if [path.name for path in parts] != wanted:
                raise InputError(
                    f"{folder} has {len(parts)} files {name}-*.lmdb, the last one {parts[-1].name};"
                    " expected all parts of one set: tools/make_lmdb goes on where it was stopped."
                )
            return parts
    return []


def shard_name(split: str, number: int, count: int) -> str:
    """What tools/make_lmdb calls one of the files of a split."""
    return f"{split}-{number:05d}-of-{count:05d}.lmdb"


def labels_file(folder: Path, split: str) -> Path:
    """Where it keeps the labels of a split."""
    return folder / f"{split}-labels.npy"


def read(paths: Sequence[Path]) -> tuple[Shards, np.ndarray]:
    """The images of a split and their labels, read from beside it where they lie there."""
    images = Shards(paths)
    beside = labels_file(paths[0].parent, re.split(r"-\d+-of-|\.lmdb$", paths[0].name)[0])
    if not beside.is_file():
        return images, np.concatenate([file.labels() for file in images.files])
    with refused(beside, f"the labels of the {len(images)} datapoints of {paths[0].name} and on"):
        labels = np.load(beside, allow_pickle=False)
        if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(f"it has {labels.dtype}{labels.shape}")
        # The ends of each file tell whether they are of these images.
        for file, end in zip(images.files, images.ends, strict=True):
            for place in {0, len(file) - 1} if len(file) else ():
                if file.label(place) != labels[end - len(file) + place]:
                    raise ValueError(f"{file.describe(place)} has another label")
    return images, labels.astype(np.int64)
