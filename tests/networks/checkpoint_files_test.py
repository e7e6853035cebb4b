"""Tests of robust_tf.networks.checkpoint_files: strict, unpickled, whole or not there."""

import zipfile

import numpy as np
import pytest

from robust_tf.errors import InputError
from robust_tf.networks import checkpoint_files

W = np.arange(6, dtype=np.float32).reshape(2, 3)


class Bomb:
    """An object whose unpickling would be seen."""

    went_off = False

    def __setstate__(self, state):
        Bomb.went_off = True

    def __getstate__(self):
        return {"a": 1}


@pytest.mark.parametrize("suffix", ["", ":0"])
def test_weights_are_read_and_what_training_left_is_not(tmp_path, suffix):
    path = tmp_path / "a.npz"
    training = {"learning_rate": np.float32(0.1), "global_step": np.int64(7)}
    training |= {"EMA/loss/biased": np.float32(1), "linear/W/Momentum": W}
    variables = {"linear/W": W, "conv0/bn/mean/EMA": W[0]}
    np.savez_compressed(path, **{f"{n}{suffix}": a for n, a in (variables | training).items()})
    found = checkpoint_files.read(path)
    assert found.keys() == variables.keys()
    for name, values in variables.items():
        np.testing.assert_array_equal(found[name], values)


def test_what_is_written_is_read_back_to_the_bit(tmp_path):
    odd = {"conv0/W": np.float32([0.1, -0.0, 1e-45]), "linear/b": W}
    checkpoint_files.write(tmp_path / "weights", odd)
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]
    found = checkpoint_files.read(tmp_path / "weights")
    assert {n: a.tobytes() for n, a in found.items()} == {n: a.tobytes() for n, a in odd.items()}


def test_a_stopped_write_leaves_the_older_file(tmp_path):
    class Stops:
        def __array__(self, dtype=None, copy=None):
            raise KeyboardInterrupt

    path = tmp_path / "a.npz"
    checkpoint_files.write(path, {"linear/W": W})
    with pytest.raises(KeyboardInterrupt):
        checkpoint_files.write(path, {"linear/W": W + 1, "linear/b": Stops()})
    np.testing.assert_array_equal(checkpoint_files.read(path)["linear/W"], W)
    assert list(tmp_path.iterdir()) == [path]


def test_pickled_objects_are_named_and_never_loaded(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, **{"linear/b": np.array([Bomb()], dtype=object)})
    with pytest.raises(InputError, match="a.npz holds linear/b as pickled Python objects"):
        checkpoint_files.read(path)
    assert not Bomb.went_off


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"linear/b": W, "linear/b:0": W}, "holds linear/b twice"),
        ({"linear/b": np.arange(3)}, "holds linear/b as no floating-point numbers"),
        ({"linear/b": np.float32([1, np.nan])}, "holds linear/b with infinities or NaN"),
        (
            {"linear/b": np.array([1e300])},
            "holds linear/b with infinities or NaN; expected numbers",
        ),
    ],
)
def test_wrong_entries_are_named(tmp_path, entries, sentence):
    np.savez(tmp_path / "a.npz", **entries)
    with pytest.raises(InputError, match=f"a.npz {sentence}"):
        checkpoint_files.read(tmp_path / "a.npz")


def test_what_is_no_npz_or_cut_short_is_refused(tmp_path):
    whole = tmp_path / "whole.npz"
    np.savez(whole, **{"linear/W": W, "linear/b": W})
    content = whole.read_bytes()
    damaged = content.replace(W.tobytes(), (W + 1).tobytes(), 1)
    np.save(tmp_path / "array.npy", W)
    for name, bytes_ in (("cut", content[:-30]), ("empty", b""), ("text", b"weights")):
        (tmp_path / name).write_bytes(bytes_)
    for name in ("cut", "empty", "text", "array.npy"):
        with pytest.raises(InputError, match=f"{name} is no whole .npz file"):
            checkpoint_files.read(tmp_path / name)
    (tmp_path / "damaged").write_bytes(damaged)
    with pytest.raises(InputError, match="damaged cannot be read at linear/W"):
        checkpoint_files.read(tmp_path / "damaged")


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999,), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (3,",
        b"{'descr': '<f4', 'shape': 3}",
    ],
)
def test_a_forged_array_is_refused(tmp_path, header):
    path = tmp_path / "forged.npz"
    with zipfile.ZipFile(path, "w") as file:
        array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 12
        file.writestr("linear/b.npy", array)
    with pytest.raises(InputError, match="forged.npz cannot be read at linear/b"):
        checkpoint_files.read(path)


def test_a_missing_file_is_named_by_the_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError) as raised:
        checkpoint_files.read(tmp_path / "none.npz")
    assert raised.value.filename == str(tmp_path / "none.npz")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
