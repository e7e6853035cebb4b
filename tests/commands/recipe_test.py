"""The schedule of flags/caad_smoke.cfg, shortened, as a real training goes through all of it."""

import pathlib
from typing import NamedTuple
from unittest import mock

import numpy as np
import pytest

from robust_tf import building, experiment
from tests.commands.running import ROOT
from tests.commands.trainings import plan

EPOCHS, STEPS, WARMUP, DROPS = 5, 3, 1, (2, 3, 4)
FIRST_RATE, RATE, MOMENTUM = 0.1, 0.2, 0.9
FLAGS = ("--network=cnn-small", "--image_size=8", "--precision=float64", "--val_attack=clean")
FLAGS += (f"--epochs={EPOCHS}", f"--lr_drops={','.join(map(str, DROPS))}")
FLAGS += (f"--steps_per_epoch={STEPS}", f"--warmup_epochs={WARMUP}", "--attack_steps=1")
# Few of the 1,000 images are for validation, and each update takes eight.
FLAGS += ("--holdout=0.01", "--batch_size=8", f"--lr_per_256={RATE * 32}", "--export_dir=none")


class Update(NamedTuple):
    """One call of the optimizer."""

    rate: float
    gradients: list[np.ndarray]
    before: list[np.ndarray]
    after: list[np.ndarray]


def _recorded(method, updates: list[Update]):
    """The method, whose optimizer notes what it is given and what it does."""
    method.run_eagerly = True
    apply = method.optimizer.apply

    def noted(gradients, variables):
        before = [v.numpy() for v in variables]
        rate = float(method.optimizer.learning_rate)
        apply(gradients, variables)
        after = [v.numpy() for v in variables]
        updates.append(Update(rate, [g.numpy() for g in gradients], before, after))

    method.optimizer.apply = noted
    return method


@pytest.fixture(scope="module")
def updates(tmp_path_factory) -> list[Update]:
    """All updates of the training."""
    found, make = [], building.method
    run_dir = tmp_path_factory.mktemp("recipe")
    with (
        mock.patch.object(building, "method", lambda *given: _recorded(make(*given), found)),
        pytest.MonkeyPatch.context() as patch,
    ):
        # A nested flagfile is opened from there.
        patch.chdir(ROOT)
        experiment.train(plan(run_dir, "--flagfile=flags/caad_smoke.cfg", *FLAGS))
    assert pathlib.Path(run_dir / "checkpoints" / "last.keras").exists()
    return found


def _rate(update: int) -> float:
    """Linear from 0.1 to the rate of the batch, then a tenth of it after each drop."""
    if update < WARMUP * STEPS:
        return FIRST_RATE + (RATE - FIRST_RATE) * update / (WARMUP * STEPS)
    return RATE * 0.1 ** sum(update >= epoch * STEPS for epoch in DROPS)


def test_the_learning_rate_is_the_formulas_at_every_update(updates):
    expected = [_rate(update) for update in range(EPOCHS * STEPS)]
    np.testing.assert_allclose([update.rate for update in updates], expected, rtol=1e-6)
    assert len(set(expected)) == WARMUP * STEPS + 1 + len(DROPS)


def test_momentum_is_tensorflow_1s_across_every_change_of_the_rate(updates):
    """a <- m a + g;  w <- w - lr (g + m a), from the first update to the last."""
    for which, weights in enumerate(updates[0].before):
        velocity = np.zeros_like(weights)
        for update in updates:
            gradient = update.gradients[which]
            velocity = MOMENTUM * velocity + gradient
            weights = weights - update.rate * (gradient + MOMENTUM * velocity)
            np.testing.assert_allclose(update.after[which], weights, rtol=0, atol=1e-13)
        assert np.abs(weights - updates[0].before[which]).max() > 1e-6


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
