"""Tests of robust_tf.serving.server.options."""

import dataclasses
import subprocess
import sys

import pytest

from robust_tf.errors import InputError
from robust_tf.serving.server.options import ServeOptions


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"model_dir": "/nowhere"}, "--model_dir=/nowhere is no folder"),
        ({"name": "a/b"}, "--name=a/b cannot stand in a URL"),
        ({"model_dir": "/"}, "--name= cannot stand in a URL"),
        ({"rest_port": 65536}, "--rest_port=65536 is no port; expected 0 to 65535"),
        ({"grpc_port": -1}, "--grpc_port=-1 is no port"),
        ({"max_batch": 0}, "--max_batch=0; expected at least 1"),
        ({"max_body": 0}, "--max_body=0"),
        ({"max_request_batch": -3}, "--max_request_batch=-3"),
        ({"max_queued": 0}, "--max_queued=0"),
        ({"batch_timeout": -0.5}, "--batch_timeout=-0.5; expected 0 or more"),
        ({"grace_seconds": float("nan")}, "--grace_seconds=nan"),
        ({"poll_seconds": 0.0}, "--poll_seconds=0.0; expected more than 0"),
    ],
)
def test_wrong_values_get_their_sentence(tmp_path, options, sentence):
    with pytest.raises(InputError, match=sentence):
        ServeOptions(**{"model_dir": tmp_path, **options})


def test_the_model_has_its_folders_name(tmp_path):
    version = tmp_path / "digits" / "12"
    version.mkdir(parents=True)
    assert ServeOptions(version).model == "12"
    (version / "saved_model.pb").touch()
    assert ServeOptions(version).model == ServeOptions(tmp_path / "digits").model == "digits"
    assert ServeOptions(version, name="other").model == "other"


def test_the_server_knows_nothing_of_training():
    source = "import sys, robust_tf.serving.server; print(*sys.modules)"
    listed = subprocess.run([sys.executable, "-c", source], capture_output=True, check=True)
    ours = {name for name in listed.stdout.decode().split() if name.startswith("robust_tf.")}
    assert {name for name in ours if not name.startswith("robust_tf.serving")} == {
        "robust_tf.encoded_images",
        "robust_tf.errors",
    }


def test_options_do_not_change(tmp_path):
    with pytest.raises(dataclasses.FrozenInstanceError):
        ServeOptions(tmp_path).rest_port = 1


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
