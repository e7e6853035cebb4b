"""Tests of robust_tf.attacks.curriculum."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf.attacks import PGD, Curriculum
from robust_tf.losses import Margin
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.linear import linear_network, random_images, seeds

VICTIM = network_victim(linear_network(np.random.default_rng(6).normal(size=(4, 3))))
BATCH = (tf.constant(random_images(6)), tf.constant([0, 1, 2, 0, 1, 2]), seeds(6))
LENGTH, EPSILON, STEP = 8, 0.3, 0.1
ATTACKS = {
    "Linf": {"norm": "Linf"},
    "L2": {"norm": "L2"},
    "momentum": {"norm": "L2", "momentum": 0.5},
    "restarts": {"norm": "Linf", "restarts": 2, "loss": Margin()},
}
each_attack = pytest.mark.parametrize("options", ATTACKS.values(), ids=ATTACKS)


def _attack(norm: str, share: float = 1.0, **options) -> PGD:
    return PGD(Threat(norm, share * EPSILON), steps=3, step_size=share * STEP, **options)


def _grown(options: dict, updates: int) -> np.ndarray:
    """The images that the curriculum gives after so many updates."""
    count = keras.Variable(updates, dtype="int64")
    return Curriculum(_attack(**options), count, LENGTH)(VICTIM, *BATCH).numpy()


@each_attack
def test_it_begins_with_the_image_itself(options):
    np.testing.assert_array_equal(_grown(options, 0), BATCH[0])


@each_attack
@pytest.mark.parametrize("updates", [2, 4])
def test_on_the_way_it_is_the_attack_in_a_smaller_ball_to_the_bit(options, updates):
    smaller = _attack(share=updates / LENGTH, **options)(VICTIM, *BATCH)
    np.testing.assert_array_equal(_grown(options, updates), smaller)
    assert np.abs(smaller - BATCH[0]).max() > 0.01


@each_attack
@pytest.mark.parametrize("updates", [LENGTH, LENGTH + 1, 10**9])
def test_when_grown_it_is_the_attack_itself(options, updates):
    whole = _attack(**options)(VICTIM, *BATCH)
    np.testing.assert_array_equal(_grown(options, updates), whole)


@each_attack
def test_one_graph_follows_the_count_of_updates(options):
    count = keras.Variable(0, dtype="int64")
    curriculum = Curriculum(_attack(**options), count, LENGTH)
    graph = tf.function(lambda *batch: curriculum(VICTIM, *batch), autograph=False)
    for updates in (0, 3, LENGTH):
        count.assign(updates)
        np.testing.assert_allclose(graph(*BATCH), _grown(options, updates), atol=1e-6)
    assert graph.experimental_get_tracing_count() == 1


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
