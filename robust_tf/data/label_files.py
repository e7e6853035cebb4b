"""Files that say which class each image of a folder has, or is to be taken for.

NAME,LABEL             lines without a title, or with one that is passed over; counted from 0,
                       or from 1 where that is said; NAME may have its suffix or not
image_id,label,target  a table with these titles, counted from 0
ImageId,TrueLabel,TargetClass
                       the competition's own table, counted from 1
"""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from robust_tf.data.image_folder import bare
from robust_tf.errors import InputError

LABEL, TARGET = "label", "target"


class _Table(NamedTuple):
    """The titles of a table, and the number of its first class."""

    name: str
    columns: dict[str, str]
    offset: int


_TABLES = (
    _Table("image_id", {LABEL: "label", TARGET: "target"}, 0),
    _Table("ImageId", {LABEL: "TrueLabel", TARGET: "TargetClass"}, 1),
)


class ClassFile:
    """The classes, from 0 on, of images by their names.

    Args:
      path: of the file.
      classes: how many there are.
      offset: the number of the first class, where the file is no table that says so.
      wanted: which column of a table: LABEL or TARGET.

    Attributes:
      first: the number of the first class in it.
    """

    def __init__(self, path: Path, classes: int, *, offset: int = 0, wanted: str = LABEL):
        self.path = path
        self._of: dict[str, int] = {}
        self.first = offset
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            for name, number, first in _rows(_lines(file, path), path, offset, wanted):
                self.first = first
                if not 0 <= number - first < classes:
                    raise InputError(
                        f"{path} gives {name} the class {number}; expected {first} to "
                        f"{first + classes - 1} (--label_offset is the number of the first class)."
                    )
                if self._of.setdefault(bare(name), number - first) != number - first:
                    raise InputError(f"{path} gives {name} two classes; expected one.")

    def __len__(self) -> int:
        return len(self._of)

    def of(self, images: Iterable[Path]) -> np.ndarray:
        """The classes of these images, each of which must have one."""
        names = [image.name for image in images]
        missing = [name for name in names if bare(name) not in self._of]
        if missing:
            raise InputError(
                f"{self.path} has no class for {missing[0]} ({len(missing)} of {len(names)} images "
                "have none); expected one for each."
            )
        return np.array([self._of[bare(name)] for name in names], np.int32)


def _lines(file: Iterable[str], path: Path) -> list[list[str]]:
    try:
        return list(csv.reader(file))
    except csv.Error as error:
        raise InputError(f"{path} is no table ({error}); expected NAME,LABEL lines.") from error


def _rows(
    lines: list[list[str]], path: Path, offset: int, wanted: str
) -> Iterator[tuple[str, int, int]]:
    """Name, number, and the number of the first class."""
    titles = lines[0] if lines else []
    name, number = 0, 1
    for table in _TABLES:
        if titles[:1] == [table.name]:
            column, offset = table.columns[wanted], table.offset
            if column not in titles:
                raise InputError(
                    f"{path} has no column {column}; expected one beside {table.name}."
                )
            number = titles.index(column)
    for place, line in enumerate(lines):
        value = line[number].strip() if len(line) > number else ""
        if value.isascii() and value.isdigit():
            # Paper 1's code writes the path of an image, of which the name counts.
            yield Path(line[name]).name, int(value), offset
        elif line and place > 0:
            raise InputError(
                f"Line {place + 1} of {path} is {','.join(line)!r}; expected NAME,LABEL, where "
                "LABEL is a whole number."
            )
