"""Several decisions of a random judge: by hand, and what they estimate."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import draws
from robust_tf.attacks import APGD, PGD, NAttack, Square
from robust_tf.evaluation.decisions import (
    decide,
    over_decisions,
    right_each_time,
    standard_error,
    under_the_worst,
)
from robust_tf.threat import Threat
from tests.evaluation.judging import IMAGES, LABELS, VICTIM
from tests.linear import seeds

X, LABEL = tf.constant(IMAGES), tf.constant(LABELS)
SEEDS = seeds(30)


def coin(x, seed):
    """A victim that is right about class 0 half the time, and says how long it took."""
    drawn = draws.uniform(seed, (1,))[:, 0]
    z = tf.stack([drawn - 0.5, tf.zeros_like(drawn)], axis=1)
    return {"logits": z, "steps": tf.cast(10 * drawn, tf.int32), "induced": drawn}


def _tossed(name: str, decisions: int, images: int = 30) -> dict:
    zeros = tf.zeros(images, tf.int64)
    return decide(name, coin, tf.zeros((images, 1, 1, 1)), zeros, None, seeds(images), decisions)


def test_one_decision_of_a_network_is_its_answer():
    found = decide("pgd-20", VICTIM, X, LABEL, None, SEEDS, 1)
    right = np.argmax(VICTIM(X, None)["logits"], axis=1) == LABELS
    assert 0 < right.sum() < 30
    np.testing.assert_array_equal(found["right"], right[:, None])
    np.testing.assert_array_equal(found["hit"], ~right[:, None])
    goal = tf.ones_like(LABEL)
    hit = decide("pgd-20", VICTIM, X, LABEL, goal, SEEDS, 1)["hit"]
    np.testing.assert_array_equal(hit[:, 0], np.argmax(VICTIM(X, None)["logits"], axis=1) == 1)


def test_decisions_are_fresh_and_independent_of_those_on_another_attack():
    found, again, other = (_tossed(name, 8)["right"].numpy() for name in ("pgd", "pgd", "cw"))
    assert found.shape == (30, 8)
    np.testing.assert_array_equal(found, again)
    columns = [*found.T, *other.T]
    assert not any((a == b).all() for a, b in itertools.combinations(columns, 2))
    assert 0.4 < found.mean() < 0.6
    # More of them begin with the same.
    np.testing.assert_array_equal(_tossed("pgd", 3)["right"], found[:, :3])


def test_what_decides_draws_other_noise_than_any_attack_has_seen():
    """Not a seed that a decision is made with has been asked with before."""
    seen = []

    def noting(x, seed):
        kept = tf.numpy_function(
            lambda s: seen[-1].update(map(tuple, s)) or np.int32(0), [seed], tf.int32
        )
        with tf.control_dependencies([kept]):
            drawn = draws.uniform(tf.identity(seed), (1,))[:, 0]
        return {"logits": tf.stack([x[:, 0, 0, 0] + drawn, x[:, 1, 0, 0]], axis=1)}

    x, label = tf.fill((4, 2, 1, 1), 0.5), tf.zeros(4, tf.int64)
    threat, given = Threat("Linf", 0.1), draws.image_seeds(0, 0, tf.range(4))
    attacks = {
        "pgd": PGD(threat, steps=3, restarts=2),
        "apgd": APGD(threat, steps=3, restarts=2, eot=3),
        "square": Square(threat, queries=5),
        "nattack": NAttack(threat, steps=2, population=3),
    }
    for attack in attacks.values():
        seen.append(set())
        attack(noting, x, label, given)
    asked = set().union(*seen)
    assert len(asked) > 4 * len(attacks)
    for name in (*attacks, "clean"):
        seen.append(set())
        decide(name, noting, x, label, None, given, 5)
        assert len(seen[-1]) == 4 * 5
        assert not asked & seen[-1]


def test_what_the_columns_come_to():
    tossed = {part: values.numpy() for part, values in _tossed("pgd", 4).items()}
    found = over_decisions(tossed)
    assert set(found) == {"right", "hit", "steps", "induced", "longest"}
    for part in tossed:
        np.testing.assert_allclose(found[part], tossed[part].mean(axis=1))
    np.testing.assert_array_equal(found["longest"], tossed["steps"].max(axis=1))
    single = over_decisions({part: values[:, :1] for part, values in tossed.items()})
    assert single["right"].dtype == bool
    np.testing.assert_array_equal(single["longest"], single["steps"])


def test_right_each_time_by_hand():
    # Of 5 decisions 4, 5 and 2 are right: of the 10 pairs 6, 10 and 1 are.
    assert right_each_time([0.8, 1.0, 0.4], 5, 2) == pytest.approx((0.6 + 1 + 0.1) / 3)
    assert right_each_time([0.8, 1.0, 0.4], 5, 1) == pytest.approx(2.2 / 3)
    assert right_each_time([0.8, 1.0, 0.4], 5, 5) == pytest.approx(1 / 3)
    assert right_each_time([True, False], 1, 1) == 0.5


def test_right_each_time_is_without_bias():
    shares = np.random.default_rng(0).binomial(6, 0.7, 40000) / 6
    assert right_each_time(shares, 6, 3) == pytest.approx(0.7**3, abs=0.01)


def test_the_standard_error_by_hand():
    # p (1 - p) / (n - 1) of each image, over the square of their number.
    error = standard_error([(np.array([0.5, 1.0]), 5)])
    assert error == pytest.approx(np.sqrt(0.25 / 4) / 2)
    assert standard_error([(np.array([0.5, 1.0]), 5), (np.array([1.0, 0.0]), 1)]) is None
    assert standard_error([(np.array([True, False]), 4)]) == 0


def test_the_standard_error_of_a_product_is_how_it_spreads():
    random, p, n = np.random.default_rng(1), np.array([[0.9, 0.5, 0.2], [0.6, 0.8, 1.0]]), 5
    found = random.binomial(n, p, (4000, 2, 3)) / n
    means = found.prod(axis=1).mean(axis=1)
    errors = [standard_error([(one, n) for one in pair]) for pair in found[:500]]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(means.std(), rel=0.1)


def test_under_the_worst_by_hand():
    always, never = np.array([1.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0])
    np.testing.assert_array_equal(under_the_worst([always, never], 5), [0, 1, 0])
    np.testing.assert_array_equal(under_the_worst([always], 5), always)
    # Of [right, wrong] and [wrong, right], or the same twice, each other decision says one that
    # is right and one that is wrong; whichever is scored.
    assert set(under_the_worst([np.full(50, 0.5)] * 2, 2).tolist()) <= {0.0, 0.5, 1.0}


def test_under_the_worst_of_attacks_that_do_nothing_is_what_they_leave():
    shares = np.random.default_rng(2).binomial(5, 0.75, (11, 20000)) / 5
    assert under_the_worst(list(shares), 5).mean() == pytest.approx(0.75, abs=0.01)
    # The smallest of eleven is small by luck.
    assert shares.min(axis=0).mean() < 0.45


def test_under_the_worst_finds_each_images_own():
    """Half of the images have one attack that takes them, and half another."""
    p = np.full((2, 20000), 0.9)
    p[0, :10000] = p[1, 10000:] = 0.1
    shares = np.random.default_rng(3).binomial(10, p) / 10
    assert under_the_worst(list(shares), 10).mean() == pytest.approx(0.1, abs=0.01)


def test_a_victim_that_says_nothing_of_itself_is_not_asked():
    assert set(decide("pgd", VICTIM, X, LABEL, None, SEEDS, 2)) == {"right", "hit"}


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
