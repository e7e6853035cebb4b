"""ILSVRC2012, and the development images of the NIPS 2017 competition, which have its classes.

A label is the place of its WordNet id (WNID) among the sorted ones of all 1,000 classes, as every
published network has it, also where only some of the classes are there, as in a trial.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from robust_tf.data import imagenet_labels, lmdb_sets
from robust_tf.data.class_names import IMAGENET, IMAGENET_WNIDS
from robust_tf.data.examples import FileImages
from robust_tf.data.label_files import ClassFile
from robust_tf.data.request import Loaded, Request
from robust_tf.errors import InputError

_SUFFIXES = (".jpeg", ".jpg", ".png")
_ORIGIN = "image-net.org (ILSVRC2012)"
_NIPS_TABLES = ("labels.csv", "dev_dataset.csv")
_NIPS_ORIGIN = "the NIPS 2017 adversarial competition (cleverhans' dev_dataset.csv)"


def load_imagenet(request: Request) -> Loaded:
    """DIR/train/WNID/*.JPEG and DIR/val, or LMDBs as tools/make_lmdb writes them.

    Of val either in class folders as well, or DIR/val/*.JPEG with DIR/val.txt, or with the
    development kit's ILSVRC2012_validation_ground_truth.txt and meta.mat.
    """
    part = "train" if request.split == "train" else "val"
    for folder in request.folders:
        classes = _subfolders(folder / part)
        if classes:
            return _of_class_folders(folder / part, classes)
        names = _images(folder / part)
        if names and part == "val":
            return _of_table(folder / part, names, *imagenet_labels.of_validation(folder, names))
    for folder in request.folders:
        shards = lmdb_sets.shards(folder, (part, request.split))
        if shards:
            images, labels = lmdb_sets.read(shards)
            return Loaded(images, labels, IMAGENET)
    wanted = f"{part}/WNID/*.JPEG" + (" (or val/*.JPEG and val.txt)" if part == "val" else "")
    raise request.missing(f"{wanted}, or {part}.lmdb,", _ORIGIN)


def load_nips2017(request: Request) -> Loaded:
    """DIR/images/*.png or *.jpg beside DIR/labels.csv or dev_dataset.csv.

    Both splits are the same images, all of them: they are for evaluation, and for training only
    where a trial of the commands wants real images. What a network reaches on images that it was
    trained on says nothing.
    """
    for folder in request.folders:
        names = _images(folder / "images")
        if names:
            paths = [Path(f"{folder}/images/{name}") for name in names]
            return Loaded(FileImages(paths), _nips2017_labels(folder).of(paths), IMAGENET)
    raise request.missing("images/*.png beside labels.csv or dev_dataset.csv", _NIPS_ORIGIN)


def _nips2017_labels(folder: Path) -> ClassFile:
    for name in _NIPS_TABLES:
        if (folder / name).is_file():
            return ClassFile(folder / name, len(IMAGENET))
    raise InputError(
        f"{folder / 'images'} has no labels beside it; expected {folder / _NIPS_TABLES[0]} or "
        f"{folder / _NIPS_TABLES[1]}."
    )


def _of_class_folders(folder: Path, classes: Sequence[str]) -> Loaded:
    known = {wnid: label for label, wnid in enumerate(IMAGENET_WNIDS)}
    strangers = [name for name in classes if name not in known]
    if strangers:
        raise InputError(
            f"{folder / strangers[0]} is no class of ILSVRC2012; expected folders named by its "
            f"1,000 WordNet ids, {IMAGENET_WNIDS[0]} to {IMAGENET_WNIDS[-1]}."
        )
    paths, labels = [], []
    for name in classes:
        inside = _images(folder / name)
        paths += [f"{folder}/{name}/{image}" for image in inside]
        labels += [known[name]] * len(inside)
    return Loaded(FileImages(paths), np.array(labels, np.int64), IMAGENET)


def _of_table(folder: Path, names: Sequence[str], table: Mapping[str, int], file: Path) -> Loaded:
    """Images of one folder, with the labels that a file has for their names."""
    stems = [os.path.splitext(name)[0] for name in names]
    nameless = [name for name, stem in zip(names, stems, strict=True) if stem not in table]
    if nameless:
        raise InputError(
            f"{file} has no label for {folder / nameless[0]} ({len(nameless)} of {len(names)} "
            "images have none); expected one for each image."
        )
    labels = np.array([table[stem] for stem in stems], np.int64)
    return Loaded(FileImages([f"{folder}/{name}" for name in names]), labels, IMAGENET)


def _subfolders(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted; none where there is no such folder."""
    return _entries(folder, lambda entry: entry.is_dir())


def _images(folder: Path) -> list[str]:
    """The names of the images in a folder, sorted; none where there is no such folder."""
    return _entries(folder, lambda entry: entry.name.lower().endswith(_SUFFIXES))


def _entries(folder: Path, wanted: Callable[[os.DirEntry], bool]) -> list[str]:
    # Names alone, and nothing asked of each file: of 1.28 million that takes minutes.
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if not e.name.startswith(".") and wanted(e))
