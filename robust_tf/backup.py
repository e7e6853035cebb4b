"""The state of a run at the end of an epoch, in one file that all workers read.

Restart contract: (1) the chief writes backup/state.npz to a temporary name and renames it, so there
is always one whole state; (2) it holds every variable of the method and its optimizer, the number
of finished epochs and the best score so far; (3) random draws and the data's order are functions
of seed, update and image, so nothing else needs saving and a resumed run ends with the weights of
an uninterrupted one; (4) it stays when the run ends, so that the same command finds it finished.
"""

import os
import pathlib
from typing import NamedTuple

import keras
import numpy as np

from robust_tf import files
from robust_tf.errors import InputError


class Progress(NamedTuple):
    """How far a run has come."""

    epochs: int = 0
    best: float = -1.0


def _variables(method: keras.Model) -> list:
    return [*method.network.variables, *method.optimizer.variables]


def save(run_dir: pathlib.Path, method: keras.Model, progress: Progress) -> None:
    """Writes the state; only the chief calls it."""
    path = run_dir / "backup" / "state.npz"
    arrays = {f"v{i}": v.numpy() for i, v in enumerate(_variables(method))}
    with files.replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, epochs=progress.epochs, best=progress.best, **arrays)
        file.flush()
        os.fsync(file.fileno())


def restore(run_dir: pathlib.Path, method: keras.Model) -> Progress:
    """Puts the last saved state into the method; without one, the run is at its beginning."""
    path = run_dir / "backup" / "state.npz"
    if not path.exists():
        return Progress()
    with np.load(path) as state:
        variables = _variables(method)
        saved = [state[f"v{i}"] for i in range(len(state.files) - 2)]
        if [a.shape for a in saved] != [tuple(v.shape) for v in variables]:
            raise InputError(
                f"{path} holds another network or optimizer than the flags describe; "
                "use the flags it was written with, or another --run_dir."
            )
        for variable, value in zip(variables, saved, strict=True):
            variable.assign(value)
        return Progress(int(state["epochs"]), float(state["best"]))
