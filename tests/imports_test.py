"""Imports run one way, down the layers; this reads every file and names each that runs back."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]

# A room may import the rooms of the layers below its own.
LAYERS = (
    {"train", "evaluate", "calibrate", "export", "predict", "perturb", "serve", "report"},
    {"experiment", "command_line"},
    {"building"},
    {"methods", "callbacks", "pictures", "preemption", "evaluation", "serving", "data"},
    {"attacks", "networks", "defenses"},
    {"layers", "threat", "losses", "victim", "optim", "distribute", "backup", "progress"},
    {"draws", "plans", "attack_names", "leaving"},
    {"interop", "errors", "starting", "files", "encoded_images"},
)
DEPTH = {room: depth for depth, rooms in enumerate(LAYERS) for room in rooms}
# Beside the layers: the flags, which only a command and the experiment know.
READS_FLAGS = {*LAYERS[0], *LAYERS[1], "command_line"}
CONFIG_READS = {"attack_names", "plans", "errors", "files"}
# Decoding is the same in serving as in evaluation.
SIDEWAYS = {("serving", f"robust_tf.data.{module}") for module in ("decode", "headers")}
STRANGERS = {"data", "networks", "attacks"}
ABSL_FLAGS = {"config", "command_line"}
# What trains, attacks or serves is TensorFlow; these are plain Keras, or answer before it loads.
WITHOUT_TENSORFLOW = {"networks", "layers", "plans", "errors", "starting", "config", "command_line"}


def _imports(source: str) -> set[str]:
    """Every module that a file names, `from package import name` as package.name."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _room(module: str) -> str:
    return module.split(".")[1]


def _wrong(room: str, module: str) -> bool:
    """Whether a file of this room may not import this module."""
    if module.startswith("absl.flags"):
        return room not in ABSL_FLAGS
    if module.split(".")[0] == "tensorflow":
        return room in WITHOUT_TENSORFLOW
    if not module.startswith("robust_tf."):
        return False
    other = _room(module)
    if other == room or any(module.startswith(m) for r, m in SIDEWAYS if r == room):
        return False
    if other == "config":
        return room not in READS_FLAGS
    if room == "config":
        return other not in CONFIG_READS
    return DEPTH[other] <= DEPTH[room] or {room, other} <= STRANGERS


def _files() -> list[pathlib.Path]:
    return sorted((ROOT / "robust_tf").rglob("*.py"))


@pytest.mark.parametrize("path", _files(), ids=lambda p: str(p.relative_to(ROOT / "robust_tf")))
def test_imports_run_down(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    room = parts[1]
    if parts[1:] == ("__init__",):
        assert not _imports(path.read_text()), "robust_tf/__init__.py imports nothing"
        return
    assert room in DEPTH or room == "config", f"{room} has no place in the layers above"
    wrong = sorted(m for m in _imports(path.read_text()) if _wrong(room, m))
    assert not wrong, f"{'/'.join(parts)}.py must not import {', '.join(wrong)}"


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("networks", "from robust_tf import data"),
        ("data", "import robust_tf.attacks.pgd"),
        ("attacks", "from robust_tf.networks import build"),
        ("threat", "def f():\n    from robust_tf.attacks import PGD"),
        ("methods", "from robust_tf import config"),
        ("methods", "from robust_tf import callbacks"),
        ("experiment", "from robust_tf.train import main"),
        ("serving", "from robust_tf.data import load"),
        ("config", "from robust_tf import networks"),
        ("callbacks", "from absl import flags"),
        ("layers", "import tensorflow as tf"),
        ("networks", "from tensorflow.keras import layers"),
    ],
)
def test_an_import_that_runs_back_is_seen(room, source):
    assert any(_wrong(room, module) for module in _imports(source))


def test_no_test_needs_another():
    """BUILD gives a test what lies beside the tests, and no other test."""
    tests = (ROOT / "tests").rglob("*_test.py")
    named = {path: _imports(path.read_text()) for path in tests}
    borrowers = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, modules in named.items()
        for module in modules
        if module.startswith("tests.") and "_test." in module
    ]
    assert len(named) > 100 and not borrowers


def test_the_package_is_read():
    assert len(_files()) > 20


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
