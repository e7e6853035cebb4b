"""The versions in a model's folder."""

import pathlib
import shutil
import uuid

SAVED_MODEL = "saved_model.pb"


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
            # Under a name that is no number, so that no server finds the half of it.
            version.rename(deleted)
        except FileNotFoundError:
            continue  # Another export has deleted it.
        deleted.unlink() if deleted.is_symlink() else shutil.rmtree(deleted)


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
