"""The state of a run between two updates, in one file that all workers read.

Restart contract: (1) the chief writes backup/state.npz to a temporary name and renames it, so there
is always one whole state; (2) it holds every variable of the method and its optimizer, the number
of finished epochs, the best score so far, a checksum of the training set and, of an epoch that is
begun, its updates, the means of its metrics and what each replica has of its own; (3) random draws
and the data's order are functions of seed, update and image, so nothing else needs saving and a
resumed run ends with the weights of an uninterrupted one; (4) it stays when the run ends, so that
the same command finds it finished.
"""

import os
import pathlib
import re
from collections.abc import Mapping
from typing import NamedTuple

import keras
import numpy as np

from robust_tf import files
from robust_tf.errors import InputError


class Progress(NamedTuple):
    """How far a run has come.

    Attributes:
      epochs: how many are finished.
      best: the best score so far.
      steps: updates of the epoch after them.
      data: a checksum of what is trained on; 0 is an earlier version's, which has saved none.
    """

    epochs: int = 0
    best: float = -1.0
    steps: int = 0
    data: int = 0

    def has(self, epoch: int, step: int) -> bool:
        """Whether a step (from 1 on) of an epoch (from 0 on) is done."""
        return (epoch, step) <= (self.epochs, self.steps)


def _variables(method: keras.Model) -> list:
    return [*method.network.variables, *method.optimizer.variables]


def save(
    run_dir: pathlib.Path,
    method: keras.Model,
    progress: Progress,
    unfinished: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Writes the state; only the chief calls it.

    Args:
      run_dir: where the run is written.
      method: what trains.
      progress: how far it is.
      unfinished: what its `unfinished.go_on` needs in an epoch that is begun.
    """
    path = run_dir / "backup" / "state.npz"
    arrays = {f"v{i}": v.numpy() for i, v in enumerate(_variables(method))}
    with files.replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **progress._asdict(), **arrays, **(unfinished or {}))
        file.flush()
        os.fsync(file.fileno())


def restore(run_dir: pathlib.Path, method: keras.Model) -> Progress:
    """Puts the last saved state into the method; without one, the run is at its beginning."""
    path = run_dir / "backup" / "state.npz"
    if not path.exists():
        return Progress()
    with np.load(path) as state:
        found = dict(state)
    # An earlier version of the program has saved fewer of them.
    given = {name: found.pop(name).item() for name in Progress._fields if name in found}
    variables = _variables(method)
    saved = [found.pop(name) for name in [n for n in found if re.fullmatch(r"v\d+", n)]]
    if [a.shape for a in saved] != [tuple(v.shape) for v in variables]:
        raise InputError(
            f"{path} holds another network or optimizer than the flags describe; "
            "use the flags it was written with, or another --run_dir."
        )
    for variable, value in zip(variables, saved, strict=True):
        variable.assign(value)
    progress = Progress(**given)
    if progress.steps:
        method.unfinished.go_on(progress.steps, found)
    return progress
