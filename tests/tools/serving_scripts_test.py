"""Tests of the scripts in tools/serving, with stand-ins for what they start."""

import os
import pathlib
import shutil
import subprocess

import pytest

from tests.tools.manifests import SERVING, services, values


@pytest.fixture
def exports(tmp_path) -> pathlib.Path:
    """A folder with a version, and a name that a careless script would split."""
    folder = tmp_path / "my exports"
    (folder / "3").mkdir(parents=True)
    (folder / "3" / "saved_model.pb").touch()
    return folder


@pytest.fixture
def tools(tmp_path) -> pathlib.Path:
    """The only folder on a script's PATH: what every machine has."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "basename", "dirname"):
        (folder / name).symlink_to(shutil.which(name))
    return folder


def fake(tools: pathlib.Path, name: str, daemon: bool = True) -> None:
    """A program that prints what it is called with, a line each."""
    content = (
        f'#!/usr/bin/env bash\n[[ $1 == info ]] && exit {int(not daemon)}\nprintf "%s\\n" "$@"'
    )
    (tools / name).write_text(content)
    (tools / name).chmod(0o755)


def start(tools: pathlib.Path, script: str, *arguments) -> subprocess.CompletedProcess:
    """Runs a script with only these programs on PATH."""
    environment = {**os.environ, "PATH": str(tools)}
    command = [str(SERVING / script), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20)


def refusal(done: subprocess.CompletedProcess) -> str:
    """The one sentence of a script that did not start a server."""
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize(
    ("script", "program"),
    [("serve_docker", "docker"), ("serve_model_server", "tensorflow_model_server")],
)
def test_bad_input_and_a_missing_program_get_one_sentence(tools, exports, script, program):
    assert refusal(start(tools, script, exports)).startswith(f"{script}: {program} is not on PATH;")
    fake(tools, program)
    assert "EXPORT_DIR is missing" in refusal(start(tools, script))
    assert "EXPORT_DIR is missing" in refusal(start(tools, script, "--enable_batching"))
    assert "EXPORT_DIR=nowhere is no folder" in refusal(start(tools, script, "nowhere"))
    (exports / "3" / "saved_model.pb").unlink()
    assert "holds no version" in refusal(start(tools, script, exports))


def test_docker_without_its_daemon_gets_one_sentence(tools, exports):
    fake(tools, "docker", daemon=False)
    assert "cannot reach its daemon" in refusal(start(tools, "serve_docker", exports))


@pytest.mark.parametrize("character", [",", '"'])
def test_docker_is_not_asked_to_mount_what_it_cannot(tools, exports, character):
    fake(tools, "docker")
    folder = exports.rename(exports.parent / f"my{character}exports")
    sentence = f"docker cannot mount {folder}; expected a path without a comma"
    assert sentence in refusal(start(tools, "serve_docker", folder))


def test_the_model_server_is_told_the_folder_and_the_flags(tools, exports):
    fake(tools, "tensorflow_model_server")
    done = start(tools, "serve_model_server", exports, "--enable_batching")
    assert (done.returncode, done.stderr) == (0, "")
    assert values(done.stdout.splitlines()) == {
        "port": "8500",
        "rest_api_port": "8501",
        "model_name": "my exports",
        "model_base_path": str(exports),
        "monitoring_config_file": str(SERVING / "monitoring.config"),
        "rest_api_timeout_in_ms": "60000",
        "enable_batching": "",
    }


def test_docker_is_told_the_image_the_mounts_and_the_flags(tools, exports):
    fake(tools, "docker")
    flag = "--batching_parameters_file=/config/batching.config"
    done = start(tools, "serve_docker", exports, "--enable_batching", flag)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "run"
    image = lines.index(services()["serving"]["image"])
    for pair in (
        ("--mount", f"type=bind,source={exports},target=/models/my exports,readonly"),
        ("--mount", f"type=bind,source={SERVING},target=/config,readonly"),
        ("--entrypoint", "tensorflow_model_server"),
        ("--publish", "127.0.0.1:8501:8501"),
    ):
        assert pair in list(zip(lines[:image], lines[1:image], strict=False))
    assert values(lines[image + 1 :]) == {
        "port": "8500",
        "rest_api_port": "8501",
        "model_name": "my exports",
        "model_base_path": "/models/my exports",
        "monitoring_config_file": "/config/monitoring.config",
        "rest_api_timeout_in_ms": "60000",
        "enable_batching": "",
        "batching_parameters_file": "/config/batching.config",
    }


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
