"""Tests of robust_tf.attacks.apgd: known worst images, its schedule by hand, what it returns."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import draws, losses
from robust_tf.attacks.apgd import APGD, checkpoints
from robust_tf.attacks.pgd import GRADIENT_SCALE
from robust_tf.errors import InputError
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.linear import image, linear_network, random_images, seeds

TOWARDS_1 = np.array([2.0, -1.0, 0.5, 0.25])
TWO_CLASSES = network_victim(linear_network(np.stack([np.zeros(4), TOWARDS_1], axis=1)))
# The sign that leads away from each of the labels 0 and 1.
AWAY = np.array([1.0, -1.0]).reshape(2, 1, 1, 1)
INNER = np.concatenate([image(0.5, 0.25, 0.75, 0.5), image(0.375, 0.625, 0.5, 0.25)])
FIVE_CLASSES = network_victim(linear_network(np.random.default_rng(5).normal(size=(4, 5))))
TARGETED = dict(loss=losses.targeted_dlr, targets=3)


def _attack(attack: APGD, victim, x, label, image_seeds=None) -> np.ndarray:
    graph = tf.function(lambda *batch: attack(victim, *batch), autograph=False)
    image_seeds = seeds(len(x)) if image_seeds is None else image_seeds
    return graph(tf.constant(x), tf.constant(label, tf.int32), image_seeds).numpy()


def _right(victim, x, label) -> np.ndarray:
    return np.argmax(victim(x, None)["logits"], axis=-1) == label


def _correctly_classified(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    x = random_images(count, seed)
    return x, np.argmax(FIVE_CLASSES(x, None)["logits"], axis=-1)


def test_the_checkpoints_are_those_of_the_paper():
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]
    # Rounded up: 4.4, 8.2, 11.4, 14, 16, 17.4, 18.6, 19.8.
    assert checkpoints(20) == [5, 9, 12, 14, 16, 18, 19, 20]
    assert checkpoints(1) == [1]


def test_linf_reaches_the_corner():
    found = _attack(APGD(Threat("Linf", 0.125), steps=30), TWO_CLASSES, INNER, [0, 1])
    corner = INNER + 0.125 * AWAY * np.sign(TOWARDS_1).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(found, corner, atol=1e-6)


def test_l2_reaches_the_end_of_the_gradient():
    found = _attack(APGD(Threat("L2", 0.125), steps=60), TWO_CLASSES, INNER, [0, 1])
    direction = (TOWARDS_1 / np.linalg.norm(TOWARDS_1)).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(found, INNER + 0.125 * AWAY * direction, atol=1e-4)


class _Recording:
    """A victim that remembers what it was called with; for attacks that run eagerly."""

    def __init__(self, victim):
        self.victim, self.images, self.seeds = victim, [], []

    def __call__(self, x, seed):
        self.images.append(np.array(x))
        self.seeds.append(np.array(seed))
        return self.victim(x, seed)


def _below_the_peak(outputs, goal):
    return -tf.abs(outputs["logits"][:, 0] - 0.5625)


# Around 0.5 by at most 0.25, from 0.75, with checkpoints after steps 2, 3, 4 and 5.
# Rho 0.75, condition 1: eta is 1/2, 1/2, 1/4, 1/8 and 1/8 (the fourth step raises the loss).
# Rho -1, condition 2 alone: eta is 1/2, 1/2, 1/2, 1/4 and 1/4 (the third finds no new maximum).
@pytest.mark.parametrize(
    ("rho", "iterates", "best"),
    [
        (0.75, [0.75, 0.25, 0.5, 0.75, 0.59375, 0.5234375], 0.59375),
        (-1.0, [0.75, 0.25, 0.5, 0.75, 0.6875, 0.546875], 0.546875),
    ],
)
def test_the_step_halves_as_by_hand(rho, iterates, best):
    attack = APGD(Threat("Linf", 0.25), loss=_below_the_peak, steps=5, rho=rho)
    victim = _Recording(lambda x, seed: {"logits": tf.reshape(x, (-1, 1))})
    x = tf.fill((8, 1, 1, 1), 0.5)
    found = attack(victim, x, tf.zeros(8, tf.int32), seeds(8)).numpy().ravel()
    seen = np.reshape(victim.images, (6, 8))
    from_above = seen[0] == 0.75
    assert 0 < from_above.sum() < 8
    np.testing.assert_array_equal(seen[:, from_above].T, [iterates] * from_above.sum())
    assert set(found[from_above]) == {best}


@pytest.mark.parametrize("norm", ["Linf", "L2"])
def test_targets_fool_wherever_a_linear_network_can_be_fooled(norm):
    x, label = _correctly_classified(200)
    epsilon = 0.08
    attack = APGD(Threat(norm, epsilon), losses.targeted_dlr, targets=9, judge=True)
    found = _attack(attack, FIVE_CLASSES, x, label)
    W = np.random.default_rng(5).normal(size=(4, 5))
    foolable = np.zeros(200, bool)
    for t in range(5):
        # In L2 the box is left out: where it matters, the farthest image is not closed-form.
        away = (W[:, t] - W[:, label].T).reshape(-1, 2, 2, 1)
        if norm == "Linf":
            worst = np.clip(x + epsilon * np.sign(away), 0, 1)
        else:
            length = np.linalg.norm(away.reshape(-1, 4), axis=1).reshape(-1, 1, 1, 1)
            worst = x + epsilon * away / np.maximum(length, 1e-9)
        z = worst.reshape(-1, 4) @ W
        foolable |= np.take_along_axis(z, label[:, None], 1)[:, 0] < z[:, t]
    standing = _right(FIVE_CLASSES, found, label)
    assert 20 < standing.sum() < 180
    if norm == "Linf":
        np.testing.assert_array_equal(standing, ~foolable)
    else:
        inside = np.all((x > epsilon) & (x < 1 - epsilon), axis=(1, 2, 3))
        np.testing.assert_array_equal(standing[inside], ~foolable[inside])
        assert not np.any(~standing & ~foolable)


@pytest.mark.parametrize("options", [{}, {"restarts": 2}, TARGETED])
def test_judging_changes_only_what_is_fooled(options):
    x, label = _correctly_classified(60)
    attack = dict(steps=12, threat=Threat("Linf", 0.06), **options)
    judged = _attack(APGD(judge=True, **attack), FIVE_CLASSES, x, label)
    highest = _attack(APGD(**attack), FIVE_CLASSES, x, label)
    standing = _right(FIVE_CLASSES, judged, label)
    assert 5 < standing.sum() < 55
    np.testing.assert_allclose(judged[standing], highest[standing], atol=1e-5)
    assert np.abs(judged - highest)[~standing].max() > 0.01


@pytest.mark.parametrize("judge", [False, True])
def test_only_a_judge_lets_fooled_images_leave(judge):
    x, label = _correctly_classified(30)
    victim = _Recording(FIVE_CLASSES)
    attack = APGD(Threat("Linf", 0.06), steps=10, judge=judge)
    found = attack(victim, tf.constant(x), tf.constant(label, tf.int32), seeds(30))
    sizes = [len(batch) for batch in victim.images]
    if not judge:
        assert sizes == [30] * 11
        return
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == _right(FIVE_CLASSES, found, label).sum() < 30


def test_a_batch_that_is_fooled_is_done():
    x, label = _correctly_classified(10)
    victim = _Recording(FIVE_CLASSES)
    attack = APGD(Threat("Linf", 1e-4), steps=50, restarts=3, judge=True)
    attack(victim, tf.constant(x), tf.constant((label + 1) % 5, tf.int32), seeds(10))
    assert len(victim.images) == 2


def test_without_a_judge_the_highest_loss_seen_is_returned():
    x, label = _correctly_classified(20)
    label, victim = tf.constant(label, tf.int32), _Recording(FIVE_CLASSES)
    attack = APGD(Threat("L2", 0.3), losses.dlr, steps=15, restarts=2)
    found = attack(victim, tf.constant(x), label, seeds(20))
    seen = np.max([losses.dlr(FIVE_CLASSES(i, None), label) for i in victim.images], axis=0)
    np.testing.assert_allclose(losses.dlr(FIVE_CLASSES(found, None), label), seen, atol=1e-5)


@pytest.mark.parametrize("judge", [False, True])
@pytest.mark.parametrize("options", [{}, {"loss": losses.dlr, "restarts": 2}, TARGETED, {"eot": 2}])
def test_the_same_images_come_from_any_batch_and_eagerly(judge, options):
    x, label = _correctly_classified(12)
    attack = APGD(Threat("Linf", 0.05), steps=5, judge=judge, **options)
    # One graph for batches of any size.
    signature = [
        tf.TensorSpec((None, 2, 2, 1)),
        tf.TensorSpec((None,), tf.int32),
        tf.TensorSpec((None, 2), tf.int32),
    ]

    @tf.function(input_signature=signature, autograph=False)
    def graph(x, label, seeds):
        return attack(FIVE_CLASSES, x, label, seeds)

    batch = (tf.constant(x), tf.constant(label, tf.int32), seeds(12))
    found = graph(*batch).numpy()
    some = [1, 4, 5, 11]
    alone = graph(*(tf.gather(tensor, some) for tensor in batch))
    np.testing.assert_allclose(alone, found[some], atol=1e-6)
    assert graph(*(tensor[:0] for tensor in batch)).shape == (0, 2, 2, 1)
    np.testing.assert_allclose(attack(FIVE_CLASSES, *batch), found, atol=1e-6)


def test_restarts_start_elsewhere_on_the_edge():
    x, label = _correctly_classified(6)
    x = 0.25 + x / 2
    for norm in ("Linf", "L2"):
        victim = _Recording(FIVE_CLASSES)
        threat = Threat(norm, 0.1)
        batch = (tf.constant(x), tf.constant(label, tf.int32), seeds(6))
        APGD(threat, steps=1, restarts=2)(victim, *batch)
        starts = victim.images[::2]
        np.testing.assert_allclose([threat.distance(s, x) for s in starts], 0.1, atol=1e-6)
        assert np.abs(starts[0] - starts[1]).max(axis=(1, 2, 3)).min() > 1e-3


@pytest.mark.parametrize("norm", ["Linf", "L2"])
@pytest.mark.parametrize("judge", [False, True])
@pytest.mark.parametrize("options", [{}, {"loss": losses.dlr}, TARGETED])
def test_never_outside_ball_or_pixel_range(norm, judge, options):
    x, label = _correctly_classified(40, seed=1)
    attack = APGD(Threat(norm, 8 / 255), steps=9, judge=judge, **options)
    found = _attack(attack, FIVE_CLASSES, x, label)
    assert found.min() >= 0 and found.max() <= 1
    assert 0 < np.max(attack.threat.distance(found, x)) <= 8 / 255 + 1e-6


def test_each_draw_of_a_random_victim_is_another_and_all_are_averaged():
    @tf.function(autograph=False)
    def random_victim(x, seed):
        noise = 4 * draws.per_image(tf.random.stateless_normal, seed, (4,))
        z = tf.einsum("bi,bi->b", tf.reshape(x, (-1, 4)), noise + TOWARDS_1.astype(np.float32))
        return {"logits": tf.stack([tf.zeros_like(z), z], axis=1)}

    def margin(outputs, goal):
        return outputs["logits"][:, 1]

    x, label = np.full((20, 2, 2, 1), 0.5, np.float32), np.zeros(20, np.int32)
    right = {}
    for eot in (1, 64):
        victim = _Recording(random_victim)
        attack = APGD(Threat("Linf", 0.1), margin, steps=1, eot=eot)
        attack(victim, tf.constant(x), tf.constant(label), seeds(20))
        assert len(victim.seeds) == 2 * eot
        assert len(np.unique(np.concatenate(victim.seeds), axis=0)) == 40 * eot
        moved = victim.images[-1].reshape(20, 4) - 0.5
        right[eot] = np.mean(np.sign(moved[:, :2]) == np.sign(TOWARDS_1[:2]))
    assert right[1] < 0.75 and right[64] > 0.93


def test_the_averaged_gradient_has_the_variance_it_should():
    """That of one draw, divided by how many there are."""

    @tf.function(autograph=False)
    def random_victim(x, seed):
        noise = draws.per_image(tf.random.stateless_normal, seed, (4,))
        return {"logits": tf.reduce_sum(tf.reshape(x, (-1, 4)) * noise, axis=1, keepdims=True)}

    x, label = tf.fill((1000, 2, 2, 1), 0.5), tf.zeros(1000, tf.int32)
    for eot in (1, 20):
        attack = APGD(Threat("Linf", 0.1), lambda outputs, _: outputs["logits"][:, 0], eot=eot)
        _, gradient, _ = attack._look(random_victim, x, label, label, seeds(1000))
        variance = np.var(gradient) / GRADIENT_SCALE**2
        np.testing.assert_allclose(variance, 1 / eot, rtol=0.1)


def test_the_network_is_no_part_of_the_gradient():
    network = linear_network(np.random.default_rng(5).normal(size=(4, 5)))
    x, label = tf.constant(INNER), tf.constant([0, 1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = APGD(Threat("L2", 0.1), steps=2)(network_victim(network), x, label, seeds(2))
        total = tf.reduce_sum(found)
    watched = [x, *(v.value for v in network.trainable_variables)]
    assert tape.gradient(total, watched) == [None, None, None]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": 0}, "APGD's steps must be at least 1, got 0"),
        ({"restarts": 0}, "APGD's restarts must be at least 1, got 0"),
        ({"eot": 0}, "APGD's eot must be at least 1, got 0"),
        ({"targets": -1}, "APGD's targets must be at least 0, got -1"),
        ({"targets": 9}, "needs targets with the targeted DLR loss and only there, got 9"),
        ({"loss": losses.targeted_dlr}, "targeted DLR loss and only there, got 0"),
    ],
)
def test_bad_input_gets_its_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        APGD(Threat("Linf", 0.1), **options)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
