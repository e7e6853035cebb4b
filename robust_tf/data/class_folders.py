"""Data sets that are a folder of images for each class: caltech101, caltech256 and your own.

Classes and files are taken in the order of their names. Only .jpg, .jpeg and .png files count, and
only folders that hold some.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from robust_tf.data.examples import FileImages, seeded_split
from robust_tf.data.request import Loaded, Request
from robust_tf.errors import InputError

_SUFFIXES = (".jpg", ".jpeg", ".png")

# The share of the images that the Feature Pyramid Decoder's authors draw for testing (section 4:
# "we randomly choose 866 and 1,422 images as test images"), of the full sets with their
# background and clutter classes.
_TEST_SHARES = {"caltech101": 866 / 9144, "caltech256": 1422 / 30607}
_FOLDER_TEST_SHARE = 0.2

_CALTECH = {  # where the class folders lie once unpacked, and where they come from
    "caltech101": (
        ("101_ObjectCategories", "caltech-101/101_ObjectCategories", "images", "."),
        "data.caltech.edu (Caltech 101)",
    ),
    "caltech256": (("256_ObjectCategories", "images", "."), "data.caltech.edu (Caltech 256)"),
}

Classes = dict[str, list[Path]]


def load_caltech(request: Request) -> Loaded:
    """A seeded split of whatever class folders of Caltech-101 or Caltech-256 are there."""
    subfolders, origin = _CALTECH[request.name]
    for folder in request.folders:
        for subfolder in subfolders:
            classes = _classes(folder / subfolder)
            if len(classes) > 1:
                return _split_by_seed(request, classes, _TEST_SHARES[request.name])
    raise request.missing(f"the class folders of {subfolders[0]}/", origin)


def load_folder(request: Request) -> Loaded:
    """Your own images: DIR/train/CLASS/* and DIR/test/CLASS/* (or val), else DIR/CLASS/*.

    The latter is split by seed, with 20 % for testing.
    """
    if request.data_dir is None:
        raise request.missing("a folder of images for each class", "you")
    train = _classes(request.data_dir / "train")
    test = _classes(request.data_dir / "test") or _classes(request.data_dir / "val")
    if not train and not test:
        return _split_by_seed(request, _classes(request.data_dir), _FOLDER_TEST_SHARE)
    chosen = train if request.split == "train" else test
    if not chosen:
        wanted = "train/CLASS/*.jpg" if request.split == "train" else "test/ or val/CLASS/*.jpg"
        raise request.missing(wanted, "you")
    names = tuple(train or test)
    strangers = [name for name in chosen if name not in names]
    if strangers:
        raise InputError(
            f"{chosen[strangers[0]][0].parent} is a class that {request.data_dir / 'train'} does "
            "not have; expected the same class folders in both."
        )
    return _loaded(*_labelled(chosen, names), names)


def _classes(folder: Path) -> Classes:
    """The images of each class folder in a folder, both in the order of their names."""
    if not folder.is_dir():
        return {}
    images = {
        path.name: sorted(file for file in path.iterdir() if is_image(file))
        for path in sorted(folder.iterdir())
        if path.is_dir() and not path.name.startswith(".")
    }
    return {name: files for name, files in images.items() if files}


def is_image(path: Path) -> bool:
    """Whether a file counts as an image, by its name."""
    return path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")


def _split_by_seed(request: Request, classes: Classes, share: float) -> Loaded:
    names = tuple(classes)
    paths, labels = _labelled(classes, names)
    if len(paths) < 2:
        raise request.missing("two or more images in folders CLASS/*.jpg or *.png", "you")
    train, test = seeded_split(len(paths), share, request.seed)
    part = train if request.split == "train" else test
    return _loaded([paths[i] for i in part], labels[part], names)


def _labelled(classes: Classes, names: Sequence[str]) -> tuple[list[Path], np.ndarray]:
    paths = [path for files in classes.values() for path in files]
    labels = [names.index(name) for name, files in classes.items() for _ in files]
    return paths, np.array(labels, np.int64)


def _loaded(paths: list[Path], labels: np.ndarray, names: tuple[str, ...]) -> Loaded:
    return Loaded(FileImages(paths), labels, names)
