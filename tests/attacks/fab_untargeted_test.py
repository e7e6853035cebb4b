"""Tests of robust_tf.attacks.fab's untargeted form, and of its choice of an output."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.attacks.fab import FAB, LEG
from robust_tf.errors import InputError
from robust_tf.threat import NORMS, Threat
from tests.attacks.nearest import (
    CURVED,
    LINEAR,
    central_images,
    classes_of,
    counted,
    eager_and_parts,
    in_graph,
    linear_distances,
    nearest,
)
from tests.linear import image, linear_network, random_images, seeds


@pytest.mark.parametrize("norm", NORMS)
def test_the_distance_on_a_linear_network_is_that_of_the_nearest_boundary(norm):
    x, threat = central_images(20), Threat(norm, 1.0)
    label = classes_of(LINEAR, x)
    found, distance = nearest(FAB(threat, steps=20, targets=0, eta=1.0005), LINEAR, x, label)
    ratio = distance / linear_distances(norm, x, label)
    assert np.all(ratio > 0.999) and np.all(ratio < 1.002)
    np.testing.assert_array_equal(distance, threat.distance(found, x))
    assert np.all(classes_of(LINEAR, found) != label)


def test_the_rank_of_a_clean_logit_does_not_matter():
    # Logits 1, 2 x_1 - 0.5, 8 x_2 - 4: the runner-up's boundary is the further one.
    network = linear_network([[0, 0, 0], [0, 2, 0], [0, 0, 8], [0, 0, 0]], [1, -0.5, -4])
    x = image(0.5, 0.5, 0.5, 0.5)
    found, distance = nearest(FAB(Threat("L2", 1.0), targets=0, steps=20), network, x, [0])
    assert 0.125 < distance < 1.01 * 0.125
    np.testing.assert_array_equal(np.flatnonzero(found != x), [2])


def test_one_run_looks_at_all_classes():
    counts, x = [], tf.constant(random_images(5))
    label = tf.constant(classes_of(CURVED, x))
    FAB(Threat("L2", 1.0), targets=0, steps=7, restarts=2)(
        counted(CURVED, counts), x, label, seeds(5)
    )
    # A step looks once at the boundaries, whatever the number of classes, and once beyond them.
    assert counts == [5] * (1 + 2 * 7 * 2)


@pytest.mark.parametrize("norm", NORMS)
def test_it_finds_nearly_what_the_targeted_form_finds(norm):
    x, threat = random_images(30, seed=1), Threat(norm, 1.0)
    label = classes_of(CURVED, x)
    targeted = nearest(FAB(threat, steps=30), CURVED, x, label)[1]
    found, distance = nearest(FAB(threat, steps=30, targets=0), CURVED, x, label)
    assert found.min() >= 0 and found.max() <= 1
    np.testing.assert_array_equal(classes_of(CURVED, found) != label, np.isfinite(distance))
    assert np.mean(distance < 1.05 * targeted) > 0.7


def test_fooled_images_leave_where_the_network_judges():
    counts, x, threat = [], random_images(8), Threat("Linf", 0.12)
    label = classes_of(CURVED, x)
    attack = FAB(threat, steps=25, targets=0, judge=True)
    found = attack(counted(CURVED, counts), tf.constant(x), tf.constant(label), seeds(8))
    fooled = classes_of(CURVED, found) != label
    assert 0 < np.sum(fooled) < 8
    assert counts[: 1 + 2 * LEG] == [8] * (1 + 2 * LEG)
    assert counts[-1] == 8 - np.sum(fooled)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("judge", [False, True])
def test_eager_graph_and_any_batch_size_give_the_same(norm, judge):
    # None of these lands on a boundary to the last bit, which would decide on its way from there.
    x = random_images(7, seed=3)
    label = classes_of(CURVED, x)
    attack = FAB(Threat(norm, 0.1), steps=12, targets=0, restarts=2, judge=judge)
    eager, together, apart = eager_and_parts(attack, CURVED, x, label)
    for other in (eager, apart):
        np.testing.assert_allclose(other[0], together[0], atol=1e-5)
        np.testing.assert_allclose(other[1], together[1], rtol=1e-4)


def _victim_of_two_outputs(x, seed):
    """Logits that were rounded, so that their gradient is 0, and what they were before."""
    z = LINEAR(x)
    return {"logits": tf.round(1e6 * z) + 0 * z, "before_rounding": z}


@pytest.mark.parametrize("targets", [0, 9])
def test_the_boundary_may_be_of_another_output(targets):
    x = central_images(5)
    label = classes_of(LINEAR, x)

    def search(output):
        attack = FAB(Threat("L2", 1.0), steps=10, targets=targets, output=output)
        return in_graph(lambda *b: attack.nearest(_victim_of_two_outputs, *b), x, label)[0]

    # Rounding has no gradient.
    assert np.all(np.isinf(search("logits")[1]))
    found, distance = search("before_rounding")
    np.testing.assert_allclose(distance, linear_distances("L2", x, label), rtol=0.02)
    assert np.all(classes_of(LINEAR, found) != label)


def test_who_is_fooled_is_a_matter_of_the_logits():
    x = central_images(5)
    label = classes_of(LINEAR, x)

    def victim(x, seed):
        # The other output's boundary is crossed by every image from the start.
        z = LINEAR(x)
        return {"logits": z, "other": z - 9 * tf.one_hot(label, 4)}

    attack = FAB(Threat("L2", 1.0), steps=5, targets=0, output="other")
    found, distance = attack.nearest(victim, tf.constant(x), tf.constant(label), seeds(5))
    assert np.all(distance > 0)
    np.testing.assert_array_equal(classes_of(LINEAR, found) != label, np.isfinite(distance))


def test_bad_input_gets_its_sentence():
    with pytest.raises(InputError, match="FAB's targets must be at least 0, got -1"):
        FAB(Threat("Linf", 0.1), targets=-1)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
