"""Tests of robust_tf.serving.folders."""

import os
import pathlib
import shutil
import time

import pytest

from robust_tf.serving import folders


def publish(root: pathlib.Path, *names: str) -> None:
    """Folders that look like SavedModels."""
    for name in names:
        (root / name / "variables").mkdir(parents=True)
        (root / name / "saved_model.pb").touch()


def names(root: pathlib.Path) -> list[str]:
    """What lies in a folder."""
    return sorted(each.name for each in root.iterdir())


def test_the_newest_versions_stay(tmp_path):
    publish(tmp_path, "1", "2", "9", "10")
    folders.keep_newest(tmp_path, 2)
    assert names(tmp_path) == ["10", "9"]
    folders.keep_newest(tmp_path, 2)
    assert names(tmp_path) == ["10", "9"]
    folders.keep_newest(tmp_path, 1)
    assert names(tmp_path) == ["10"]


def test_what_is_no_version_stays(tmp_path):
    publish(tmp_path, "3", "4", "unfinished-0a1b", "old")
    # A version that is still being copied, a folder of something else, and a file.
    (tmp_path / "2").mkdir()
    (tmp_path / "5").mkdir()
    (tmp_path / "1").touch()
    folders.keep_newest(tmp_path, 1)
    assert names(tmp_path) == ["1", "2", "4", "5", "old", "unfinished-0a1b"]


def test_a_linked_version_is_unlinked_and_its_target_stays(tmp_path):
    publish(tmp_path, "elsewhere/7", "models/2")
    (tmp_path / "models" / "1").symlink_to(tmp_path / "elsewhere" / "7")
    folders.keep_newest(tmp_path / "models", 1)
    assert names(tmp_path / "models") == ["2"]
    assert (tmp_path / "elsewhere" / "7" / "saved_model.pb").exists()


def test_a_version_is_gone_before_its_files_are(tmp_path, monkeypatch):
    publish(tmp_path, "1", "2")
    seen = []
    monkeypatch.setattr(shutil, "rmtree", lambda folder: seen.append((names(tmp_path), folder)))
    folders.keep_newest(tmp_path, 1)
    ((left, folder),) = seen
    assert [name for name in left if name.isdecimal()] == ["2"]
    assert (folder / "saved_model.pb").exists()


def test_a_version_that_somebody_else_deletes_is_no_error(tmp_path, monkeypatch):
    publish(tmp_path, "1", "2", "3")
    found = folders.versions(tmp_path)
    shutil.rmtree(tmp_path / "2")
    monkeypatch.setattr(folders, "versions", lambda _: found)
    folders.keep_newest(tmp_path, 1)
    assert names(tmp_path) == ["3"]


def test_what_a_killed_export_left_a_day_ago_is_removed(tmp_path):
    old, young = "0" * 32, "1" * 32
    publish(tmp_path, "1", f"unfinished-{old}", f"deleted-3-{old}", "unfinished-mine", "old")
    for each in tmp_path.iterdir():
        os.utime(each, (0, time.time() - 25 * 60 * 60))
    publish(tmp_path, f"unfinished-{young}", f"deleted-4-{young}")
    made = folders.make_unfinished(tmp_path)
    kept = ["1", f"deleted-4-{young}", "old", f"unfinished-{young}", "unfinished-mine", made.name]
    assert names(tmp_path) == sorted(kept)
    # Which is itself called what the next one would remove in a day.
    os.utime(made, (0, time.time() - 25 * 60 * 60))
    folders.make_unfinished(tmp_path)
    assert made.name not in names(tmp_path)


def test_a_folder_that_is_itself_a_savedmodel_stays(tmp_path):
    publish(tmp_path, "5", "5/1")
    folders.keep_newest(tmp_path / "5", 1)
    assert names(tmp_path / "5") == ["1", "saved_model.pb", "variables"]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
