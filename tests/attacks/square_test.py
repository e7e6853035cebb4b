"""Tests of robust_tf.attacks.square: the search on networks whose worst image is known."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import losses
from robust_tf.attacks import compiled
from robust_tf.attacks.square import Square
from robust_tf.errors import InputError
from robust_tf.losses import Margin
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.linear import linear_network, seeds

SIDE = 6
SHAPE = (SIDE, SIDE, 2)
PIXELS = SIDE * SIDE * 2
NORMS = ("Linf", "L2")
EPSILON = {"Linf": 0.1, "L2": 0.5}
# Two classes, the second of which grows along this direction.
DIRECTION = np.random.default_rng(0).normal(size=PIXELS)


def _linear(direction, bias=0.0, shape=SHAPE):
    weights = np.stack([np.zeros_like(direction), direction], axis=1)
    return linear_network(weights, [0.0, bias], shape)


def _grey(count: int, seed: int = 1, shape=SHAPE) -> np.ndarray:
    """Images that no ball of the tests pushes out of the pixel range."""
    drawn = np.random.default_rng(seed).uniform(0.3, 0.7, (count, *shape))
    return drawn.astype(np.float32)


def _wild(count: int) -> np.ndarray:
    """Images with pixels at both ends of the range."""
    drawn = np.random.default_rng(2).uniform(-0.2, 1.2, (count, *SHAPE))
    return np.clip(drawn, 0, 1).astype(np.float32)


def _margins(network, x, label) -> np.ndarray:
    return Margin(float("inf"))({"logits": network(x)}, tf.constant(label)).numpy()


def _attack(attack: Square, victim, x, label, which=None) -> np.ndarray:
    """The attack as a graph, on all images or on some of them with the seeds that are theirs."""
    which = np.arange(len(x)) if which is None else np.asarray(which)
    graph = tf.function(lambda *batch: attack(victim, *batch), autograph=False)
    batch = x[which], np.asarray(label)[which], tf.gather(seeds(len(x)), which)
    return graph(*(tf.constant(t) for t in batch)).numpy()


class _Counted:
    """A victim that counts the images it is asked about and keeps each query's; eager only."""

    def __init__(self, network):
        self.victim, self.asked = network_victim(network), []

    def __call__(self, x, seed):
        self.asked.append(x.numpy())
        return self.victim(x, seed)


def _eager(attack: Square, network, x, label) -> tuple[np.ndarray, list[np.ndarray]]:
    counted = _Counted(network)
    found = attack(counted, tf.constant(x), tf.constant(label), seeds(len(x)))
    return found.numpy(), counted.asked


def test_linf_reaches_the_corner():
    shape = (3, 3, 2)
    direction = DIRECTION[:18]
    x, label = _grey(4, shape=shape), np.array([0, 1, 0, 1])
    away = np.array([1, -1, 1, -1]).reshape(4, 1, 1, 1)
    attack = Square(Threat("Linf", 0.1), queries=1500)
    found = _attack(attack, network_victim(_linear(direction, shape=shape)), x, label)
    corner = x + 0.1 * away * np.sign(direction).reshape(1, *shape)
    np.testing.assert_allclose(found, corner, atol=1e-6)


def test_l2_gets_most_of_the_way_to_the_end_of_the_gradient():
    smooth = np.repeat(np.linspace(-1, 1, SIDE), SIDE * 2)
    x, label = _grey(4), np.array([0, 1, 0, 1])
    network = _linear(smooth)
    found = _attack(Square(Threat("L2", 0.5), queries=800), network_victim(network), x, label)
    gained = _margins(network, found, label) - _margins(network, x, label)
    best = 0.5 * np.linalg.norm(smooth)
    assert np.all(gained <= best * (1 + 1e-5)) and np.all(gained > 0.7 * best)


def test_l2_uses_the_whole_ball():
    x, label = _grey(6), np.arange(6) % 2
    threat = Threat("L2", 0.5)
    for queries in (1, 30):
        attack = Square(threat, queries=queries)
        found = _attack(attack, network_victim(_linear(DIRECTION)), x, label)
        np.testing.assert_allclose(threat.distance(found, x), 0.5, rtol=1e-5)


def test_l2_takes_back_what_the_pixel_range_cut_off():
    x, label = _wild(30), np.arange(30) % 2
    threat, victim = Threat("L2", 3.0), network_victim(_linear(DIRECTION))
    first, last = (
        threat.distance(_attack(Square(threat, queries=q), victim, x, label), x) for q in (1, 60)
    )
    assert np.mean(first) < 0.95 * 3 and np.mean(last) > np.mean(first)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("judge", [False, True])
def test_never_outside_ball_or_pixel_range(norm, judge):
    x, label = _wild(30), np.arange(30) % 2
    network = _linear(DIRECTION)
    threat = Threat(norm, EPSILON[norm])
    found, asked = _eager(Square(threat, queries=25, judge=judge), network, x, label)
    for images in [found] + ([] if judge else asked):
        assert images.min() >= 0 and images.max() <= 1
        distance = threat.distance(images, x).numpy()
        assert 0 < distance.max() <= EPSILON[norm] + 1e-6


@pytest.mark.parametrize("norm", NORMS)
def test_the_best_iterate_is_returned_and_its_loss_never_falls(norm):
    x, label = _wild(8), np.arange(8) % 2
    network, victim = _linear(DIRECTION), network_victim(_linear(DIRECTION))
    threat = Threat(norm, EPSILON[norm])
    found, asked = _eager(Square(threat, queries=40), network, x, label)
    of_queries = np.array([_margins(network, images, label) for images in asked])
    best = _margins(network, found, label)
    np.testing.assert_allclose(best, of_queries.max(axis=0), rtol=1e-6)
    assert np.any(best > of_queries[0])
    for queries in (1, 7):
        shorter = _attack(Square(threat, queries=queries), victim, x, label)
        expected = of_queries[:queries].max(axis=0)
        np.testing.assert_allclose(_margins(network, shorter, label), expected, rtol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_without_judge_every_image_has_every_query(norm):
    x, label = _wild(5), np.zeros(5, int)
    attack = Square(Threat(norm, EPSILON[norm]), queries=12)
    _, asked = _eager(attack, _linear(DIRECTION, bias=100.0), x, label)
    assert [len(images) for images in asked] == [5] * 12


@pytest.mark.parametrize("norm", NORMS)
def test_with_judge_an_image_costs_the_queries_until_it_is_fooled(norm):
    x, label = _grey(40), np.zeros(40, int)
    # Some are fooled by the start, some later, some never.
    margins = np.reshape(x, (40, -1)) @ DIRECTION
    network = _linear(DIRECTION, bias=-np.median(margins) - {"Linf": 2.0, "L2": 1.0}[norm])
    options = dict(threat=Threat(norm, EPSILON[norm]), queries=30)
    _, everything = _eager(Square(**options), network, x, label)
    fooled = np.array([_margins(network, images, label) > 0 for images in everything])
    needed = np.where(fooled.any(axis=0), fooled.argmax(axis=0) + 1, 30)
    assert len(np.unique(needed)) > 4 and not fooled.any(axis=0).all() and fooled[0].any()
    found, asked = _eager(Square(**options, judge=True), network, x, label)
    assert [len(images) for images in asked] == [np.sum(needed > q) for q in range(len(asked))]
    # Each comes back in its own place, as it was when it was first wrong.
    for i, q in enumerate(needed):
        if fooled[:, i].any():
            np.testing.assert_allclose(found[i], everything[q - 1][i], atol=1e-6)
    np.testing.assert_array_equal(_margins(network, found, label) > 0, fooled.any(axis=0))


def test_with_judge_the_search_ends_when_nobody_is_left():
    x = _grey(5)
    attack = Square(Threat("Linf", 0.1), queries=50, judge=True)
    found, asked = _eager(attack, _linear(DIRECTION, bias=100.0), x, np.zeros(5, int))
    assert len(asked) == 1
    np.testing.assert_array_equal(found, asked[0])


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("judge", [False, True])
def test_the_outcome_does_not_depend_on_the_batch(norm, judge):
    x, label = _wild(9), np.arange(9) % 2
    victim = network_victim(_linear(DIRECTION, bias=1.0))
    attack = Square(Threat(norm, EPSILON[norm]), queries=40, judge=judge)
    together = _attack(attack, victim, x, label)
    for which in ([4], [8, 1, 3]):
        found = _attack(attack, victim, x, label, which)
        np.testing.assert_allclose(found, together[which], atol=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_images_draw_squares_of_their_own(norm):
    x, label = np.full((12, *SHAPE), 0.5, np.float32), np.zeros(12, int)
    attack = Square(Threat(norm, EPSILON[norm]), queries=3)
    _, asked = _eager(attack, _linear(DIRECTION), x, label)
    for images in asked:
        assert len(np.unique(images, axis=0)) == 12


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("judge", [False, True])
def test_eager_equals_graph(norm, judge):
    x, label = _wild(6), np.arange(6) % 2
    network = _linear(DIRECTION)
    attack = Square(Threat(norm, EPSILON[norm]), queries=15, judge=judge)
    eager, _ = _eager(attack, network, x, label)
    graph = _attack(attack, network_victim(network), x, label)
    np.testing.assert_allclose(eager, graph, atol=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_without_judge_xla_compiles_it(norm):
    x, label = _wild(4), np.array([0, 1, 0, 1])
    victim = network_victim(_linear(DIRECTION))
    attack = Square(Threat(norm, EPSILON[norm]), queries=15)
    batch = tf.constant(x), tf.constant(label), seeds(4)
    found = compiled(attack, xla=True)(victim, *batch)
    np.testing.assert_allclose(found, attack(victim, *batch), atol=1e-5)


def test_a_random_victim_sees_other_seeds_in_every_query():
    seen = []

    def victim(x, seed):
        seen.append(seed.numpy())
        return {"logits": tf.zeros((len(x), 2))}

    attack = Square(Threat("Linf", 0.1), queries=5)
    attack(victim, tf.constant(_grey(3)), tf.constant([0, 0, 0]), seeds(3))
    assert len(np.unique(np.concatenate(seen), axis=0)) == 5 * 3


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 7, 2), (12, 5, 3)])
def test_any_shape_of_image_will_do(norm, shape):
    x = _grey(3, shape=shape)
    network = _linear(np.ones(x[0].size), shape=shape)
    threat = Threat(norm, 0.125)
    found = _attack(Square(threat, queries=20), network_victim(network), x, [0, 1, 0])
    distance = threat.distance(found, x).numpy()
    np.testing.assert_allclose(distance, 0.125, rtol=1e-4)


def test_an_empty_batch_stays_empty():
    attack = Square(Threat("Linf", 0.1), queries=5, judge=True)
    found = _attack(attack, network_victim(_linear(DIRECTION)), _grey(0), np.zeros(0, int))
    assert found.shape == (0, *SHAPE)


def test_another_loss_may_be_ascended():
    x, label = _grey(4), np.array([0, 1, 0, 1])
    network = _linear(DIRECTION)

    def victim(images, seed):
        return {"logits": tf.tanh(9 * network(images)), "before_squeeze": network(images)}

    loss = losses.OfOutput("before_squeeze", Margin(float("inf")))
    threat = Threat("Linf", 0.1)
    found = _attack(Square(threat, loss=loss, queries=30), victim, x, label)
    expected = _attack(Square(threat, queries=30), network_victim(network), x, label)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"queries": 0}, "queries must be at least 1, got 0"),
        ({"p_init": 0.0}, r"p_init must lie in \(0, 1\], got 0.0"),
        ({"p_init": 1.5}, r"p_init must lie in \(0, 1\], got 1.5"),
    ],
)
def test_bad_input_gets_its_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        Square(Threat("Linf", 0.1), **options)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
