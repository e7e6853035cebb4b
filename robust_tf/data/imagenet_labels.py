"""The files that say which class an image of ILSVRC2012's validation is of.

Each gives a label, 0 to 999 in the order of the sorted WordNet ids, for a file's name without its
suffix.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.io

from robust_tf.data.array_files import refused
from robust_tf.data.class_names import IMAGENET_WNIDS
from robust_tf.data.image_folder import bare
from robust_tf.errors import InputError

_TRUTH, _META = "ILSVRC2012_validation_ground_truth.txt", "meta.mat"
_DEVKIT = ("", "ILSVRC2012_devkit_t12/data", "devkit/data")
_LINES = 'lines such as "ILSVRC2012_val_00000001.JPEG 65"'
_SYNSETS = "the development kit's list of synsets, with ILSVRC2012_ID and WNID"

Labels = tuple[dict[str, int], Path]


def of_validation(folder: Path, names: Sequence[str]) -> Labels:
    """Labels of the validation images that lie in one folder.

    Args:
      folder: where the label file is looked for: val.txt, or the development kit's files.
      names: of the images, for the sentence where no file is found.
    """
    for listed in (folder / "val.txt", folder / "val" / "val.txt"):
        if listed.is_file():
            with refused(listed, _LINES):
                pairs = [line.split() for line in listed.read_text().splitlines() if line.strip()]
                return {bare(Path(name).name): int(label) for name, label in pairs}, listed
    for place in _DEVKIT:
        truth = folder / place / _TRUTH
        if truth.is_file():
            return _of_devkit(truth), truth
    raise InputError(
        f"{folder / 'val'} has {len(names)} images in no class folders and {folder} no val.txt; "
        f"expected one with {_LINES}, the place of the class among the sorted WordNet ids."
    )


def _of_devkit(truth: Path) -> dict[str, int]:
    """Labels by the development kit, whose ids are in another order than the WordNet ids."""
    meta = truth.with_name(_META)
    if not meta.is_file():
        raise InputError(
            f"{truth} counts the classes in an order of its own, which {meta} explains and which "
            "is not there; expected it, or a val.txt with places among the sorted WordNet ids."
        )
    with refused(meta, _SYNSETS):
        synsets = scipy.io.loadmat(meta, squeeze_me=True)["synsets"]
        wnids = {int(s["ILSVRC2012_ID"]): str(s["WNID"]) for s in np.atleast_1d(synsets)}
    labels = {wnid: label for label, wnid in enumerate(IMAGENET_WNIDS)}
    with refused(truth, "a whole number from 1 to 1000 on each line"):
        ids = [int(line) for line in truth.read_text().split()]
        # Of the ids above 1000, which are of no single class, none is there.
        chosen = [labels[wnids[number]] for number in ids]
    return {f"ILSVRC2012_val_{i:08d}": label for i, label in enumerate(chosen, start=1)}
