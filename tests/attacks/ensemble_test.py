"""Tests of robust_tf.attacks.ensemble."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import losses
from robust_tf.attacks import APGD, FAB, PGD, Ensemble, Square, autoattack, stages
from robust_tf.errors import InputError
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.linear import linear_network, seeds

THREAT = Threat("Linf", 0.125)
# Class 1 above 1/2, class 2 below 1/4.
VICTIM = network_victim(linear_network([[0.0, 8.0, -16.0]], [0.0, -4.0, 4.0], shape=(1, 1, 1)))


@dataclasses.dataclass(frozen=True)
class Shift:
    """Adds the same to every pixel, and notes which images it was given."""

    threat: Threat
    shift: float
    given: list

    def __call__(self, victim, x, label, seeds):
        tf.py_function(lambda x: self.given.append(x.numpy().ravel().tolist()), [x], [])
        return x + self.shift


def test_each_stage_begins_at_the_original_of_what_stands():
    up, down = Shift(THREAT, 0.125, []), Shift(THREAT, -0.125, [])
    ensemble = Ensemble(THREAT, {"up": up, "down": down})
    x = tf.reshape([0.3125, 0.375, 0.4375, 0.75], (4, 1, 1, 1))
    # The last is wrong from the beginning.
    batch = (x, tf.constant([0, 0, 0, 0]), seeds(4))
    found = tf.function(lambda *b: ensemble(VICTIM, *b), autograph=False)(*batch)
    assert up.given == [[0.3125, 0.375, 0.4375]]
    assert down.given == [[0.3125, 0.375]]
    np.testing.assert_array_equal(np.ravel(found), [0.1875, 0.25, 0.5625, 0.75])


def test_a_stage_that_nothing_is_left_for_is_not_run():
    up, never = Shift(THREAT, 0.125, []), Shift(THREAT, 0.0, [])
    x = tf.reshape([0.4375, 0.46875], (2, 1, 1, 1))
    Ensemble(THREAT, {"up": up, "never": never})(VICTIM, x, tf.constant([0, 0]), seeds(2))
    assert len(up.given) == 1 and never.given == []


def test_stages_have_the_names_of_their_attack():
    one, two = PGD(THREAT, steps=1), PGD(THREAT, steps=2)
    assert stages("pgd-1", one) == {"pgd-1": one}
    ensemble = Ensemble(THREAT, {"a": one, "b": two})
    assert stages("both", ensemble) == {"both/a": one, "both/b": two}


def test_the_versions_are_those_of_its_authors():
    t_dlr = dict(loss=losses.targeted_dlr, targets=9)
    standard = autoattack(THREAT, judge=True).stages
    assert standard == {
        "apgd-ce": APGD(THREAT, steps=100, restarts=1, judge=True),
        "apgd-t": APGD(THREAT, steps=100, restarts=1, judge=True, **t_dlr),
        "fab-t": FAB(THREAT, steps=100, targets=9, restarts=1, judge=True),
        "square": Square(THREAT, queries=5000, judge=True),
    }
    plus = autoattack(THREAT, "plus").stages
    assert list(plus) == ["apgd-ce", "apgd-dlr", "fab", "square", "apgd-t", "fab-t"]
    assert [plus[name].restarts for name in ("apgd-ce", "apgd-dlr", "fab")] == [5, 5, 5]
    assert plus["apgd-dlr"].loss is losses.dlr and plus["fab"].targets == 0
    assert {k: plus[k] for k in ("square", "apgd-t")} == {
        "square": Square(THREAT),
        "apgd-t": APGD(THREAT, **t_dlr),
    }
    rand = autoattack(THREAT, "rand", judge=True).stages
    assert rand == {
        "apgd-ce": APGD(THREAT, eot=20),
        "apgd-dlr": APGD(THREAT, eot=20, loss=losses.dlr),
    }


def test_an_unknown_version_gets_its_sentence():
    with pytest.raises(InputError, match="version=standart is unknown; did you mean standard"):
        autoattack(THREAT, "standart")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
