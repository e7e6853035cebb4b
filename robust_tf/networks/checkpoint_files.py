"""Published tensorpack checkpoints as files: read("R152-Denoise.npz"), name by name, unpickled."""

import os
import pathlib
import tokenize
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from robust_tf import files
from robust_tf.errors import InputError
from robust_tf.interop.checkpoint_names import is_of_training

# What a cut, encrypted or forged file makes numpy and zipfile say.
_BROKEN = (ValueError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError)
_BROKEN += (MemoryError, OverflowError, tokenize.TokenError, SyntaxError)


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Returns the variables in a .npz file, without what training alone needs.

    Args:
      path: of the file; its names may end in ":0", those returned do not.
    """
    variables = {}
    with _opened(pathlib.Path(path)) as entries:
        for entry in entries.files:
            if is_of_training(entry):
                continue
            name = entry.removesuffix(":0")
            if name in variables:
                raise InputError(f"{path} holds {name} twice; expected it with or without :0.")
            variables[name] = _values(path, entries, entry)
    return variables


def write(path: str | os.PathLike[str], variables: Mapping[str, np.ndarray]) -> None:
    """Writes variables to a .npz file, which is there when all of it is."""
    with files.replacing(pathlib.Path(path)) as temporary, temporary.open("wb") as file:
        np.savez(file, **variables)


def _opened(path: pathlib.Path) -> np.lib.npyio.NpzFile:
    # The error of open() names the file.
    with path.open("rb") as file:
        is_zip = zipfile.is_zipfile(file)
    try:
        if is_zip:
            return np.load(path, allow_pickle=False)
    except _BROKEN as error:
        raise _no_npz(path) from error
    raise _no_npz(path)


def _no_npz(path: pathlib.Path) -> InputError:
    return InputError(f"{path} is no whole .npz file; expected a published tensorpack checkpoint.")


def _values(path: str | os.PathLike[str], entries: Mapping, entry: str) -> np.ndarray:
    try:
        values = entries[entry]
    except _BROKEN as error:
        if "Object arrays" in str(error):
            raise InputError(
                f"{path} holds {entry} as pickled Python objects, which are never loaded because "
                "they may run any code; expected an array of numbers."
            ) from error
        raise InputError(f"{path} cannot be read at {entry}; expected a whole file.") from error
    # What is no array comes as bytes.
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
        raise InputError(f"{path} holds {entry} as no floating-point numbers; expected float32.")
    with np.errstate(over="ignore"):
        values = values.astype(np.float32, copy=False)
    if not np.isfinite(values).all():
        raise InputError(
            f"{path} holds {entry} with infinities or NaN; expected numbers that float32 has."
        )
    return values
