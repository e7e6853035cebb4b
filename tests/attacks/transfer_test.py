"""Tests of robust_tf.attacks.transfer: the source is attacked, the victim is not asked."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import losses
from robust_tf.attacks import PGD, Square, autoattack
from robust_tf.attacks.multi_targeted import MultiTargeted
from robust_tf.attacks.transfer import Transfer
from robust_tf.errors import InputError
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.linear import linear_network, random_images, seeds

THREAT = Threat("Linf", 0.1)
SOURCE = network_victim(linear_network(np.random.default_rng(0).normal(size=(4, 3))))
X, LABEL = random_images(5), np.arange(5) % 3


def _unwilling(x, seed):
    raise RuntimeError("the victim was asked")


@pytest.mark.parametrize("attack", [PGD(THREAT, steps=3), Square(THREAT, queries=4)])
def test_it_is_the_attack_on_the_source(attack):
    batch = (tf.constant(X), tf.constant(LABEL), seeds(5))
    transfer = Transfer(attack, SOURCE)
    found = transfer(_unwilling, *batch)
    np.testing.assert_array_equal(found, attack(SOURCE, *batch))
    graph = tf.function(lambda *b: transfer(_unwilling, *b), autograph=False)
    np.testing.assert_allclose(graph(*batch), found, atol=1e-6)
    assert np.abs(found - X).max() > 0.01
    assert transfer.threat is THREAT


@pytest.mark.parametrize(
    "attack",
    [
        PGD(THREAT, judge=True),
        MultiTargeted(PGD(THREAT, loss=losses.targeted_margin, judge=True)),
        autoattack(THREAT),
    ],
    ids=lambda attack: type(attack).__name__,
)
def test_an_attack_that_stops_early_is_refused(attack):
    with pytest.raises(InputError) as error:
        Transfer(attack, SOURCE)
    assert str(error.value) == (
        "Transfer needs an attack that runs every step on every image (judge=False, no ensemble), "
        f"got {attack}."
    )


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
