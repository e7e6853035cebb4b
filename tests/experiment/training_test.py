"""Tests of robust_tf.experiment.training: what a run that goes on must have in common with itself.

That several workers need the same images is in workers_test.py.
"""

import pathlib
import shutil

import pytest

from robust_tf import experiment
from robust_tf.errors import InputError
from tests import pictures
from tests.commands.trainings import plan

FLAGS = ("--dataset=folder", "--image_size=8", "--network=cnn-small", "--method=standard")
FLAGS += ("--batch_size=4", "--holdout=0.25", "--val_attack=clean", "--schedule=constant")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> pathlib.Path:
    """A folder with eight images of each of two classes, and a run of an epoch beside them."""
    folder = tmp_path_factory.mktemp("trained")
    for number in range(8):
        for name, level in (("dark", 0), ("bright", 200)):
            for split in ("train", "test"):
                path = folder / "images" / split / name / f"{number}.png"
                pictures.write(path, *3 * [level + number])
    _train(folder, "--epochs=1")
    return folder


def _train(folder: pathlib.Path, *flags: str, images: pathlib.Path | None = None) -> None:
    images = images or folder / "images"
    experiment.train(plan(folder / "run", *FLAGS, f"--data_dir={images}", *flags))


def _files(folder: pathlib.Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (folder / "run").rglob("*") if path.is_file()}


def test_a_run_does_not_go_on_with_other_images(trained, tmp_path):
    fewer = tmp_path / "fewer"
    shutil.copytree(trained / "images", fewer)
    (fewer / "train" / "dark" / "0.png").unlink()
    before = _files(trained)
    with pytest.raises(
        InputError, match=r"run was begun with other images than the 11 that --data"
    ):
        _train(trained, "--epochs=1", images=fewer)
    assert _files(trained) == before


def test_images_that_lie_elsewhere_are_the_same(trained, tmp_path):
    moved = shutil.copytree(trained / "images", tmp_path / "moved")
    _train(trained, "--epochs=1", images=moved)
    assert f"--data_dir={moved}" in (trained / "run" / "flags.cfg").read_text()


def test_what_is_refused_leaves_the_runs_flags_as_they_were(trained):
    before = _files(trained)
    with pytest.raises(InputError, match="/nowhere"):
        _train(trained, "--epochs=1", images=pathlib.Path("/nowhere"))
    assert _files(trained) == before


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
