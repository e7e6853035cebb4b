"""The versions in a model's folder."""

import pathlib
import re
import shutil
import time
import uuid

SAVED_MODEL = "saved_model.pb"
# What a version is called while it is written, and while it is deleted: both are no number, so that
# no server finds the half of it.
_PASSING = re.compile(r"(unfinished|deleted-\d+)-[0-9a-f]{32}")
_LEFT_SECONDS = 24 * 60 * 60


def versions(model_dir: pathlib.Path) -> dict[int, pathlib.Path]:
    """The SavedModels in a folder by their numbers, the highest first; or the folder itself.

    A folder without saved_model.pb is still being written, or none of ours.
    """
    if (model_dir / SAVED_MODEL).exists():
        return {int(model_dir.name) if model_dir.name.isdecimal() else 1: model_dir}
    if not model_dir.is_dir():
        return {}
    found = {
        int(each.name): each
        for each in model_dir.iterdir()
        if each.name.isdecimal() and (each / SAVED_MODEL).exists()
    }
    return dict(sorted(found.items(), reverse=True))


def keep_newest(model_dir: pathlib.Path, count: int) -> None:
    """Deletes the versions in a folder but for the newest ones; nothing else that lies there."""
    for number, version in list(versions(model_dir).items())[count:]:
        deleted = model_dir / f"deleted-{number}-{uuid.uuid4().hex}"
        try:
            version.rename(deleted)
        except FileNotFoundError:
            continue  # Another export has deleted it.
        if deleted.is_symlink():
            deleted.unlink()
            continue
        # Its age, by which others take it for left, is that of its deletion.
        deleted.touch()
        shutil.rmtree(deleted)


def make_unfinished(model_dir: pathlib.Path) -> pathlib.Path:
    """A folder to write a version in; removes what exports that were killed left a day ago."""
    if model_dir.is_dir():
        for each in model_dir.iterdir():
            if _PASSING.fullmatch(each.name) and _is_left(each):
                # Another export may do the same at this moment.
                shutil.rmtree(each, ignore_errors=True)
    unfinished = model_dir / f"unfinished-{uuid.uuid4().hex}"
    unfinished.mkdir(parents=True)
    return unfinished


def _is_left(folder: pathlib.Path) -> bool:
    try:
        return time.time() - folder.lstat().st_mtime > _LEFT_SECONDS
    except FileNotFoundError:
        return False


def fingerprint(folder: pathlib.Path) -> tuple:
    """What changes when files are added to a folder or written again."""
    states = []
    for each in sorted(folder.rglob("*")):
        try:
            state = each.stat()
        except FileNotFoundError:
            continue
        states.append((str(each), state.st_size, state.st_mtime_ns))
    return tuple(states)
