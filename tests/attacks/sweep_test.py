"""Tests of robust_tf.attacks.sweep: a sweep gives what each of its attacks gives alone."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.attacks import PGD, Sweep
from robust_tf.errors import InputError
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.linear import linear_network, random_images, seeds

NETWORK = linear_network(np.random.default_rng(5).normal(size=(4, 3)))
X, LABEL = tf.constant(random_images(6)), tf.constant([0, 1, 2, 0, 1, 2])
THREAT = Threat("L2", 0.4)


@pytest.mark.parametrize("momentum", [0.0, 1.0])
def test_each_equals_its_attack_alone(momentum):
    own_step = PGD(THREAT, steps=2, step_size=0.3, momentum=momentum)
    shared = {f"pgd-{K}": PGD(THREAT, steps=K, momentum=momentum) for K in (3, 4, 9)}
    sweep = Sweep({"pgd-2": own_step, **shared})
    graph = tf.function(lambda *batch: sweep(network_victim(NETWORK), *batch), autograph=False)
    found = graph(X, LABEL, seeds(6))
    assert list(found) == ["pgd-2", "pgd-3", "pgd-4", "pgd-9"]
    for name, attack in sweep.attacks.items():
        alone = attack(network_victim(NETWORK), X, LABEL, seeds(6))
        np.testing.assert_allclose(found[name], alone, atol=1e-6)
    assert np.ptp(np.stack(list(found.values())), axis=0).max() > 0.01


def test_steps_of_one_size_are_made_once():
    seen = []

    def victim(x, seed):
        tf.py_function(lambda: seen.append(1), [], [])
        return {"logits": NETWORK(x)}

    attacks = {f"pgd-{K}": PGD(THREAT, steps=K) for K in (3, 4, 9)}
    tf.function(lambda *batch: Sweep(attacks)(victim, *batch), autograph=False)(X, LABEL, seeds(6))
    assert len(seen) == 9


@pytest.mark.parametrize("options", [{"judge": True}, {"restarts": 2}])
def test_what_would_leave_or_begin_anew_gets_its_sentence(options):
    with pytest.raises(
        InputError, match="pgd-5 cannot be part of a sweep with restarts or a judge"
    ):
        Sweep({"pgd-5": PGD(THREAT, steps=5, **options)})


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
