"""Tests of robust_tf.attacks.pgd: its random draws, restarts, and the graph that it is."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import draws, losses
from robust_tf.attacks import PGD
from robust_tf.attacks.aims import CLEAN_PREDICTION, LEAST_LIKELY, RANDOM
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.linear import linear_network, random_images, seeds

WEIGHTS = np.random.default_rng(5).normal(size=(4, 3))
NETWORK = linear_network(WEIGHTS)
VICTIM = network_victim(NETWORK)
X = tf.constant(random_images(8))
LABEL = tf.constant([0, 1, 2, 0, 1, 2, 0, 1])
ATTACKS = {
    "Linf": PGD(Threat("Linf", 0.1), steps=3),
    "L2": PGD(Threat("L2", 0.1), steps=3, momentum=0.5),
    "restarts": PGD(Threat("Linf", 0.1), steps=2, restarts=3, clean_start=0.5),
    "random target": PGD(Threat("Linf", 0.1), steps=2, aim=RANDOM),
    "kl": PGD(Threat("L2", 0.1), steps=2, loss=losses.kl_divergence, aim=CLEAN_PREDICTION),
}
each_attack = pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)


def _starts(pairs: tf.Tensor, **options) -> tuple[np.ndarray, np.ndarray]:
    """Images, one a pair of seeds, and where an attack whose step has no size begins."""
    attack = PGD(Threat("Linf", 0.25), steps=1, step_size=0.0, **options)
    count = len(pairs)
    x = tf.fill((count, 2, 2, 1), 0.5)
    graph = tf.function(lambda s: attack(VICTIM, x, tf.zeros(count, tf.int32), s), autograph=False)
    return x.numpy(), graph(pairs).numpy()


def _clean(steps, index, block: int | None, share: float = 0.2) -> np.ndarray:
    """Whether each image of an update starts from itself: an array, (updates, images)."""
    pairs = [draws.image_seeds(7, step, index, block) for step in steps]
    x, start = _starts(tf.concat(pairs, axis=0), clean_start=share)
    return np.all(start == x, axis=(1, 2, 3)).reshape(len(steps), len(index))


def _graph(attack: PGD):
    """The attack as a graph that takes any batch size."""
    signature = [
        tf.TensorSpec([None, 2, 2, 1], tf.float32),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([None, 2], tf.int32),
    ]
    return tf.function(lambda *batch: attack(VICTIM, *batch), signature, autograph=False)


@each_attack
def test_neighbours_and_batch_size_do_not_matter(attack):
    graph = _graph(attack)
    whole = graph(X, LABEL, seeds(8)).numpy()
    order = np.array([5, 2, 7, 0, 1, 6, 3, 4])
    permuted = graph(tf.gather(X, order), tf.gather(LABEL, order), tf.gather(seeds(8), order))
    np.testing.assert_allclose(permuted, whole[order], atol=1e-6)
    parts = [graph(X[p], LABEL[p], seeds(8)[p]) for p in (slice(0, 3), slice(3, 8))]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)


@each_attack
def test_a_graph_gives_what_python_gives(attack):
    batch = (X[:2], LABEL[:2], seeds(2))
    np.testing.assert_allclose(_graph(attack)(*batch), attack(VICTIM, *batch), atol=1e-6)


def _operations(attack: PGD) -> int:
    graph = tf.function(lambda: attack(VICTIM, X, LABEL, seeds(8)), autograph=False)
    definition = graph.get_concrete_function().graph.as_graph_def()
    return len(definition.node) + sum(len(f.node_def) for f in definition.library.function)


def test_the_graph_does_not_grow_with_steps_or_restarts():
    threat = Threat("Linf", 0.1)
    counts = {_operations(PGD(threat, steps=steps, restarts=2)) for steps in (2, 50)}
    counts |= {_operations(PGD(threat, steps=2, restarts=20))}
    assert len(counts) == 1


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_images_starts_clean(share):
    clean = _clean([0], range(1000), block=1, share=share)
    # Five standard errors; none at 0 and 1.
    assert abs(clean.mean() - share) <= 5 * np.sqrt(share * (1 - share) / 1000)


def test_a_block_of_indices_starts_clean_together_whatever_the_batch():
    clean = _clean([0], range(32 * 500), block=32).reshape(500, 32)
    np.testing.assert_array_equal(clean.all(axis=1), clean.any(axis=1))
    # Five standard errors of independent blocks; neighbours know nothing of each other.
    share = clean[:, 0].mean()
    assert abs(share - 0.2) <= 5 * np.sqrt(0.2 * 0.8 / 500)
    assert abs(np.corrcoef(clean[:-1, 0], clean[1:, 0])[0, 1]) < 5 / np.sqrt(500)
    order = np.random.default_rng(0).permutation(32 * 500)[:700]
    np.testing.assert_array_equal(_clean([0], order, block=32)[0], clean.ravel()[order])


def test_a_block_starts_clean_in_a_fifth_of_the_updates():
    clean = _clean(range(100), [0, 32], block=32)
    assert np.all(np.abs(clean.mean(axis=0) - 0.2) < 5 * np.sqrt(0.2 * 0.8 / 100))
    assert 0 < np.sum(clean[:, 0] != clean[:, 1])


def test_without_blocks_all_images_of_an_update_start_alike():
    assert set(_clean(range(20), range(50), block=None).mean(axis=1)) == {0.0, 1.0}


def test_without_random_start_every_image_starts_clean():
    x, start = _starts(seeds(5), start="none")
    np.testing.assert_array_equal(start, x)


def test_the_random_start_is_uniform_and_new_at_each_update():
    (x, first), (_, second) = _starts(seeds(1000, step=0)), _starts(seeds(1000, step=1))
    delta = np.stack([first - x, second - x]).reshape(2, -1) / 0.25
    np.testing.assert_allclose(delta.mean(axis=1), 0, atol=0.05)
    np.testing.assert_allclose(delta.var(axis=1), 1 / 3, atol=0.02)
    assert len(np.unique(delta.reshape(-1, 4), axis=0)) == 2000
    assert abs(np.corrcoef(delta)[0, 1]) < 0.1


def test_each_step_and_restart_shows_the_victim_fresh_seeds():
    seen = []

    def victim(x, seed):
        seen.append(seed.numpy())
        return VICTIM(x, seed)

    PGD(Threat("Linf", 0.1), steps=3, restarts=2)(victim, X, LABEL, seeds(8))
    # Restart 0: three steps and its judgement; restart 1: the same.
    steps, judged = [*seen[:3], *seen[4:7]], [seen[3], seen[7]]
    assert len(seen) == 8
    assert len(np.unique(np.concatenate([*steps, judged[0]]), axis=0)) == 7 * 8
    # Restarts are compared on the same draw.
    np.testing.assert_array_equal(*judged)


def _rank(attack: PGD, x_adv, goal) -> list[tuple[bool, float]]:
    outputs = VICTIM(x_adv, None)
    predicted = np.argmax(outputs["logits"], axis=-1)
    loss = attack.loss(outputs, goal).numpy()
    if attack.aim.targeted:
        return list(zip(predicted == goal.numpy(), -loss, strict=True))
    return list(zip(predicted != LABEL.numpy(), loss, strict=True))


@pytest.mark.parametrize(
    "options",
    [{}, {"loss": losses.kl_divergence, "aim": CLEAN_PREDICTION}, {"aim": LEAST_LIKELY}],
    ids=["ce", "kl", "targeted"],
)
def test_each_image_keeps_its_worst_restart(options):
    attack = PGD(Threat("L2", 0.4), steps=1, restarts=4, **options)
    goal = attack.goal(VICTIM, X, LABEL, seeds(8))
    runs = [
        attack._run(VICTIM, X, LABEL, goal, draws.fold(seeds(8), 1 + r)).numpy() for r in range(4)
    ]
    ranks = [_rank(attack, run, goal) for run in runs]
    worst = [max(range(4), key=lambda r: ranks[r][i]) for i in range(8)]
    expected = np.stack([runs[r][i] for i, r in enumerate(worst)])
    assert len(set(worst)) > 1
    np.testing.assert_allclose(attack(VICTIM, X, LABEL, seeds(8)), expected, atol=1e-6)


def test_one_restart_is_the_first_of_several():
    attack = PGD(Threat("L2", 0.4), steps=1)
    first = attack._run(VICTIM, X, LABEL, LABEL, draws.fold(seeds(8), 1))
    np.testing.assert_array_equal(attack(VICTIM, X, LABEL, seeds(8)), first)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
