"""Tests of robust_tf.starting: that its import prints nothing is in commands_test.py."""

import os
import platform

import pytest

from robust_tf import starting

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


@pytest.fixture
def without_onednn(monkeypatch):
    # Set first, so that what is set within is taken back.
    monkeypatch.setenv(ONEDNN, "")
    monkeypatch.delenv(ONEDNN)


def _onednn() -> str | None:
    with starting.tensorflow():
        return os.environ.get(ONEDNN)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="for x86 only")
def test_on_x86_onednn_is_on_unless_told_otherwise(monkeypatch, without_onednn):
    assert _onednn() == "1"
    monkeypatch.setenv(ONEDNN, "0")
    assert _onednn() == "0"


def test_elsewhere_tensorflow_chooses(monkeypatch, without_onednn):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert _onednn() is None


@pytest.mark.parametrize(("level", "shown"), [("3", ""), ("0", "a line of C++")])
def test_what_goes_to_the_screens_file_is_shown_on_demand(monkeypatch, capfd, level, shown):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    monkeypatch.setenv(ONEDNN, os.environ.get(ONEDNN, "0"))
    with starting.tensorflow():
        os.write(2, b"a line of C++")
    assert capfd.readouterr().err == shown


def test_exceptions_come_through_and_the_screen_comes_back(monkeypatch, capfd):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.setenv(ONEDNN, os.environ.get(ONEDNN, "0"))
    with pytest.raises(ImportError, match="tensorflow"), starting.tensorflow():
        raise ImportError("No module named 'tensorflow'")
    os.write(2, b"afterwards")
    assert capfd.readouterr().err == "afterwards"


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
