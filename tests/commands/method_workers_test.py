"""Every method: two workers end with one process's weights, averages and optimizer state."""

import sys

import numpy as np
import pytest

from robust_tf.methods import METHODS
from tests.commands.running import difference, run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folders of what one process and two workers end with."""
    one, two = (tmp_path_factory.mktemp(name) for name in ("one", "two"))
    line = (sys.executable, "-m", "tests.commands.every_method")
    run(*line, str(one))
    run("tools/launch_local", "2", "--", *line, str(two))
    return one, two


@pytest.mark.parametrize("method", METHODS)
def test_two_workers_end_with_the_weights_of_one(method, trained):
    one, two = (dict(np.load(folder / f"{method}.npz")) for folder in trained)
    assert difference(one, two) < 1e-9


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
