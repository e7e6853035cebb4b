"""Tests of robust_tf.evaluation.measure: points on a line, by hand, and gradients that mislead."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import draws
from robust_tf.evaluation.measure import measure
from robust_tf.evaluation.measured import Measured
from robust_tf.evaluation.sanity import check
from robust_tf.evaluation.verdict import verdict
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.evaluation.judging import POINT_LABELS, POINT_VICTIM, POINTS, THREAT, batches
from tests.linear import linear_network


def _rows(*right: bool) -> dict[str, dict]:
    return {"clean": {"accuracy": float(np.mean(right)), "per_image": list(right)}}


ROWS = _rows(True, True, True, True, False, True)
NORMS = ("Linf", "L2")


def _measure(
    victim, threat=THREAT, x=POINTS, label=POINT_LABELS, size: int = 4, rows=ROWS
) -> Measured:
    data = batches(x, label, size)(range(len(x)))
    return measure(victim, data, threat, 0, rows, check(victim, x, label, 0))


def _suspicious(measured: Measured) -> set[str]:
    return {line.measure for line in verdict(measured) if line.suspicious}


def _gradient(factor: float):
    """The points' victim with another gradient: 0 hides it, -1 turns it round."""

    def victim(x, seed):
        z = POINT_VICTIM(x, seed)["logits"]
        return {"logits": tf.stop_gradient((1 - factor) * z) + factor * z}

    return victim


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("size", [1, 6])
def test_points_by_hand(norm, size):
    found = _measure(POINT_VICTIM, Threat(norm, 0.125), size=size)
    # Two lie within epsilon of the boundary: FGSM turns them, and noise does within 20 draws.
    # The fifth is wrong without any.
    noise = (True, False, False, True, True, True)
    assert found == Measured(ROWS, 6, 5 / 6, 3 / 6, 0.0, noise, (3 / 6,) * 5, True, 0.0)


@pytest.mark.parametrize("norm", NORMS)
def test_a_linear_network_falls_at_a_huge_epsilon(norm):
    """Grey is on the boundary of all classes, and every image can be made grey."""
    weights = np.random.default_rng(2).normal(size=(4, 3))
    victim = network_victim(linear_network(weights - weights.mean(axis=0)))
    x = np.random.default_rng(3).uniform(0.1, 0.9, (30, 2, 2, 1)).astype(np.float32)
    label = np.argmax(victim(x, None)["logits"], axis=-1)
    found = _measure(victim, Threat(norm, 0.001), x, label, rows=_rows(*[True] * 30))
    assert (found.clean, found.huge) == (1.0, 0.0)
    assert not _suspicious(found)


def test_restarts_keep_finding_where_only_a_lucky_start_has_a_gradient():
    """Flat but on the last eighth of the way to the boundary, where noise seldom leads."""

    def victim(x, seed):
        z = POINT_VICTIM(x, seed)["logits"]
        near = tf.abs(x[:, 0, 0, 0] - 0.5) < 0.0125
        return {"logits": tf.where(near[:, None], z, tf.stop_gradient(z))}

    x = np.full((100, 1, 1, 1), 0.4, np.float32)
    label = np.zeros(100, np.int64)
    found = _measure(victim, Threat("Linf", 0.105), x, label, 100, _rows(*[True] * 100))
    assert found.clean == 1
    assert 1 > found.restarts[0] > found.restarts[2] > found.restarts[4] > 0
    assert "restarts" in _suspicious(found)


def test_a_hidden_gradient_does_not_fall_at_a_huge_epsilon():
    def quantising(x, seed):
        levels = tf.stop_gradient(tf.round(x * 4) / 4 - x) + 0 * x + tf.stop_gradient(x)
        return POINT_VICTIM(levels, seed)

    found = _measure(quantising)
    assert (found.huge, found.zero_gradients, found.gradients) == (1.0, 1.0, True)
    assert found.fgsm == found.clean
    assert _suspicious(found) >= {"huge epsilon", "zero gradients"}


def test_a_gradient_turned_round_leaks_the_label():
    """Away from the label is towards it: FGSM puts the wrong image right."""
    found = _measure(_gradient(-1.0), Threat("Linf", 0.375))
    assert (found.clean, found.fgsm, found.huge) == (5 / 6, 1.0, 1.0)
    assert _suspicious(found) >= {"FGSM against clean", "huge epsilon"}


def test_noise_finds_what_a_hidden_gradient_overlooked():
    found = _measure(_gradient(0.0))
    rows = {**ROWS, "pgd-20": {"accuracy": 5 / 6, "per_image": ROWS["clean"]["per_image"]}}
    lines = {line.measure: line for line in verdict(Measured(rows, noise=found.noise))}
    assert lines["random noise"].value == "fools 40.0% of 5 left"
    assert lines["random noise"].suspicious


def test_a_victim_without_gradients_meets_noise_alone():
    def victim(x, seed):
        return {"logits": tf.round(POINT_VICTIM(x, seed)["logits"])}

    found = _measure(victim)
    assert (found.gradients, found.fgsm, found.huge) == (False, None, None)
    assert len(found.noise) == 6
    assert "gradients" in _suspicious(found)


@pytest.mark.parametrize(("names", "left"), [(["before_squeeze"], 0.0), ([], 1.0)])
def test_without_bounds_a_squeeze_is_attacked_before_it_where_that_is_given(names, left):
    # A sixteenth from the boundary the Tanh is given 125: there is no gradient at any point.
    linear = network_victim(linear_network([[-2000.0, 2000.0]], [1000.0, -1000.0], (1, 1, 1)))

    def victim(x, seed):
        z = linear(x, seed)["logits"]
        outputs = {"logits": tf.tanh(z), "before_squeeze": z}
        return {name: outputs[name] for name in ["logits", *names]}

    found = _measure(victim)
    assert (found.huge, found.zero_gradients) == (left, 1.0)


def test_a_random_victim_keeps_its_draw_under_noise():
    """Its answer is a draw: what it says of an image without noise, it says with it."""

    def victim(x, seed):
        chosen = draws.per_image(tf.random.stateless_uniform, seed, (), maxval=2, dtype=tf.int32)
        return {"logits": tf.one_hot(chosen, 3) * 100 + POINT_VICTIM(x, seed)["logits"]}

    found = _measure(victim)
    assert 0 < found.clean < 1
    assert all(found.noise)


def test_a_victim_that_is_never_right_leaves_nothing_to_fall():
    found = _measure(POINT_VICTIM, label=np.full(6, 2))
    assert (found.clean, found.huge) == (0.0, None)
    assert all(found.noise)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
