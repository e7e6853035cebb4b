"""tools/import_checkpoint and tools/export_checkpoint as a user types them, on a ResNet-50.

Where the golden numbers are there, the variables are those that the public TensorFlow 1 graph had.
"""

import importlib.util
import sys

import numpy as np
import pytest

from robust_tf import networks
from robust_tf.networks import checkpoint_files
from robust_tf.networks.published import Architecture
from tests.commands.running import ROOT, command, run
from tests.manifests import GOLDEN, MISSING
from tests.networks import public_graph

IMPORT, EXPORT = (str(ROOT / "tools" / f"{verb}_checkpoint") for verb in ("import", "export"))
BY_PYTHON = (sys.executable, EXPORT)
# As it is, a tool finds the environment that tools/test has made.
AS_IS = (IMPORT,) if (ROOT / ".venv").exists() else (sys.executable, IMPORT)
ONE = Architecture("resnet-50", "embedded_gaussian", "group")
FLAGS = ("--network=resnet-50", "--denoise=embedded_gaussian", "--denoise_at=group")


def _fill():
    spec = importlib.util.spec_from_file_location("fill", GOLDEN / "fill.py")
    fill = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fill)
    return fill


def _images() -> np.ndarray:
    if GOLDEN.exists():
        return _fill().images()
    return np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A file as tensorpack saves it in the middle of training."""
    shapes = ONE.shapes(1000, 3)
    variables = public_graph.filled(shapes)
    if GOLDEN.exists():
        variables = {name: _fill().fill(name, shape) for name, shape in shapes.items()}
    path = tmp_path_factory.mktemp("published") / "R50-Denoise.npz"
    named = {f"{name}:0": values for name, values in variables.items()}
    np.savez(path, **named, **{"global_step:0": np.int64(9), "linear/b/Momentum:0": np.zeros(1000)})
    return path


@pytest.fixture(scope="module")
def run_dir(checkpoint):
    """What the one tool makes of it."""
    folder = checkpoint.parent / "run"
    done = run(*AS_IS, str(checkpoint), *FLAGS, f"--run_dir={folder}")
    assert f"Run written to {folder}" in done.stdout and done.stderr == ""
    return folder


@pytest.fixture(scope="module")
def logits(run_dir):
    """What the run's network says of our images: RGB, in [0, 1]."""
    return networks.load(run_dir)(_images()[..., ::-1].astype(np.float32) / 255).numpy()


def test_logits_are_those_of_the_published_graph(checkpoint, logits):
    expected = public_graph.logits(checkpoint_files.read(checkpoint), _images())
    # TensorFlow's choice of convolutions differs by up to 2e-5 with what else a process has run.
    assert np.linalg.norm(logits - expected) < 1e-4 * np.linalg.norm(expected)


@pytest.mark.skipif(not GOLDEN.exists(), reason=MISSING)
def test_logits_are_the_golden_ones(logits):
    golden = np.load(GOLDEN / "iat_resnet50_denoise.npz")["logits"]
    # 1e-3 is asked for, but these logits hardly depend on the images: another order of the
    # channels moves them by 9.9e-4, and the two images are 1.2e-3 apart.
    assert np.linalg.norm(logits - golden) < 1e-5 * np.linalg.norm(golden)


def test_the_other_tool_gives_the_file_back_to_the_bit(checkpoint, run_dir):
    back = checkpoint.parent / "back.npz"
    done = run(*BY_PYTHON, str(run_dir), str(back))
    said, what = done.stdout.splitlines()
    assert said == f"295 variables written to {back}" and done.stderr == ""
    assert what == f"They are of resnet-50 with {' '.join(FLAGS[1:])} and --activation=relu."
    before, after = checkpoint_files.read(checkpoint), checkpoint_files.read(back)
    assert before.keys() == after.keys()
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)


def test_no_training_replaces_what_was_imported(run_dir):
    before = (run_dir / "flags.cfg").read_text()
    done = run(*command("train", "--dataset=digits", f"--run_dir={run_dir}"), status=2)
    assert "holds an imported network" in done.stderr and len(done.stderr.splitlines()) == 1
    assert (run_dir / "flags.cfg").read_text() == before


def test_bad_usage_is_answered_with_status_2():
    done = run(*AS_IS, "x.npz", "--network=resnet-50", status=2)
    assert "--run_dir" in done.stderr
    done = run(*BY_PYTHON, "runs/x", status=2)
    assert "FILE.npz" in done.stderr


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
