"""Stand-ins for a defended network: what an attack that knows of the defence takes in its place."""

import pathlib
import types

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import networks, plans
from robust_tf.attacks import APGD
from robust_tf.errors import InputError
from robust_tf.experiment import defending
from robust_tf.experiment.subject import Subject
from robust_tf.losses import cross_entropy, feature_loss, unevenness
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.linear import seeds

NETWORK = networks.build("wrn-10-1", (8, 8, 1), 10, seed=1)
FEATURES = networks.up_to(NETWORK, "group0")
X = tf.constant(np.random.default_rng(0).uniform(size=(4, 8, 8, 1)).astype(np.float32))
LABEL = tf.constant([0, 3, 5, 9])


def _subject(network=NETWORK) -> Subject:
    return Subject(pathlib.Path("runs/one"), network_victim(NETWORK), (8, 8, 1), 10, "w", network)


def _plan(attacked_cap=None, attacked_beta=None, **changed):
    settings = dict(defense="active", defense_layer="group0", defense_delta=0.05, defense_beta=2.0)
    settings |= dict(defense_sigma=0.1, defense_cap=4, defense_clip=False, defense_loops=(1,))
    defense = plans.Defense(**settings | changed)
    of_attacks = dict(defense_attacked_cap=attacked_cap, defense_attacked_beta=attacked_beta)
    return types.SimpleNamespace(defense=defense, **of_attacks)


DEFENDED = defending.guarded(_subject(), _plan())


def _stand_in(name: str, defended=DEFENDED):
    return defending.stand_in_for(defended, name)


def test_the_bare_one_is_the_network_and_shows_its_feature_loss():
    outputs = _stand_in("bare")(X, seeds(4))
    np.testing.assert_allclose(outputs["logits"], NETWORK(X, training=False), atol=1e-6)
    L_F = feature_loss(FEATURES(X, training=False)).numpy()
    np.testing.assert_allclose(outputs["feature_loss"], L_F, rtol=1e-5)
    between = defending.guarded(_subject(), _plan(defense_delta=float(np.median(L_F))))
    floored = _stand_in("bare", between)(X, seeds(4))["floored_feature_loss"]
    np.testing.assert_allclose(floored, np.maximum(L_F, np.median(L_F)), rtol=1e-5)
    assert (floored.numpy() > L_F).sum() == 2


def test_behind_the_noise_each_draw_is_another():
    noise = _stand_in("noise")
    first, again = noise(X, seeds(4)), noise(X, seeds(4))
    np.testing.assert_array_equal(first["logits"], again["logits"])
    assert (noise(X, seeds(4, step=1))["logits"].numpy() != first["logits"].numpy()).all()
    silent = _stand_in("noise", defending.guarded(_subject(), _plan(defense_sigma=0.0)))
    np.testing.assert_allclose(silent(X, seeds(4))["logits"], NETWORK(X, training=False), atol=1e-6)


def test_softened_decides_as_the_defence_and_leads_elsewhere():
    def gradient(victim):
        with tf.GradientTape() as tape:
            tape.watch(X)
            value = tf.reduce_sum(victim(X, seeds(4))["logits"][:, 3])
        return tape.gradient(value, X).numpy()

    silent = defending.guarded(_subject(), _plan(defense_sigma=0.0))
    softened = _stand_in("softened", silent)
    expected = silent.decides(X, seeds(4))["logits"]
    found = tf.nn.log_softmax(softened(X, seeds(4))["logits"])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    exact = gradient(lambda x, s: {"logits": NETWORK(silent.defense(x, s).t, training=False)})
    assert np.abs(gradient(softened) - exact).max() > 1e-4


def test_an_attack_goes_through_the_softened_one():
    """In its graph, whose loop holds the unrolled one and its way back."""
    defended = defending.guarded(_subject(), _plan(defense_delta=0.1))
    softened, threat = _stand_in("softened", defended), Threat("Linf", 0.1)
    attack = tf.function(APGD(threat, steps=3, eot=2), autograph=False)
    x_adv = attack(softened, X, LABEL, seeds(4))
    before, after = (cross_entropy(softened(x, seeds(4)), LABEL) for x in (X, x_adv))
    assert tf.reduce_mean(after - before) > 0.05
    assert (threat.distance(x_adv, X).numpy() <= 0.1 + 1e-6).all()


def test_a_stand_in_is_called_by_all_that_it_depends_on():
    """Images are kept by the name: those of the bare network for any noise and any loop."""
    other = defending.guarded(_subject(), _plan(defense_sigma=0.2, defense_cap=7))
    names = {name: _stand_in(name).__name__ for name in defending.STAND_INS}
    assert (
        names["bare"]
        == "bare of runs/one (w), delta 0.05, group0"
        == _stand_in("bare", other).__name__
    )
    assert names["noise"] == "noise of runs/one (w), delta 0.05, sigma 0.1, group0"
    expected = "softened of runs/one (w), delta 0.05, beta 2.0, sigma 0.2, cap 7, group0"
    assert _stand_in("softened", other).__name__ == expected


def test_attacks_may_go_through_fewer_steps_than_decide():
    fewer = defending.guarded(_subject(), _plan(attacked_cap=1))
    assert fewer.defense.cap == 1
    assert fewer.attacked(X, seeds(4))["steps"].numpy().max() == 1
    assert fewer.decides(X, seeds(4))["steps"].numpy().max() == 4
    larger = defending.guarded(_subject(), _plan(attacked_cap=1, attacked_beta=8.0))
    assert (larger.defense.beta, larger.defense.cap) == (8.0, 1)


def test_an_attack_can_force_steps():
    """What ascends the feature loss behind the noise makes the loop longer."""
    plan = _plan(defense_delta=0.12, defense_cap=60, defense_beta=0.5)
    defended = defending.guarded(_subject(), plan)
    before = defended.decides(X, seeds(4))["steps"].numpy()
    attack = APGD(Threat("Linf", 0.1), loss=unevenness, steps=5)
    x_adv = attack(_stand_in("noise", defended), X, LABEL, seeds(4))
    after = defended.decides(x_adv, seeds(4))["steps"].numpy()
    assert (after >= before).all() and after.sum() > before.sum() + 4, (before, after)


def test_without_a_plan_there_is_none_and_without_features_a_sentence():
    assert defending.guarded(_subject(), _plan(defense="none")) is None
    with pytest.raises(InputError, match="--model=runs/one does not give; expected a run dir"):
        defending.guarded(_subject(network=None), _plan())
    with pytest.raises(InputError, match="has no layer group7; expected group0, group1, group2"):
        defending.guarded(_subject(), _plan(defense_layer="group7"))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
