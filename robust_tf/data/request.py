"""What a loader is asked for, what it gives, and the sentence for a file that is not there."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from robust_tf.data.decode import ImageShape
from robust_tf.data.examples import RawImages
from robust_tf.errors import InputError


@dataclass(frozen=True)
class Request:
    """One split of one data set.

    Attributes:
      name: the data set's name.
      split: "train" or "test".
      data_dir: where its files are looked for, if anywhere.
      seed: of the split and of the fake images, where there is no official one.
      image_shape: the shape wanted; only the fake images are made in it, others are resized later.
    """

    name: str
    split: str
    data_dir: Path | None
    seed: int
    image_shape: ImageShape

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders to look into: the data set's own one first, as file names repeat."""
        if self.data_dir is None:
            return ()
        return self.data_dir / self.name, self.data_dir

    def missing(self, wanted: str, origin: str) -> InputError:
        """The error for files that are not there.

        Args:
          wanted: the files or folders, as they are called officially.
          origin: where they come from.
        """
        place = "is not set" if self.data_dir is None else f"is {self.data_dir}"
        return InputError(
            f"--dataset={self.name} ({self.split}) wants {wanted} in --data_dir, which {place}; "
            f"it comes from {origin}."
        )


class Loaded(NamedTuple):
    """One split as a loader gives it: its images, their labels and the name of each label."""

    images: RawImages
    labels: np.ndarray
    class_names: tuple[str, ...]
