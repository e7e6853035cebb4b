"""Tests of RLFAT: equations 7 to 10 and their gradients by NumPy, and the simpler methods in it."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import draws, optim
from robust_tf.attacks import PGD
from robust_tf.errors import InputError
from robust_tf.methods import rlfat
from robust_tf.methods.block_shuffle import random_block_shuffle
from robust_tf.methods.pgd_at import PGDAdversarialTraining
from robust_tf.methods.rlfat import RLFATP, RLFATT
from robust_tf.methods.standard import Standard
from robust_tf.methods.trades import TRADES
from robust_tf.threat import Threat
from tests.methods import two_layer
from tests.methods.two_layer import BATCH, LABEL, LINEAR, NETWORKS, SEEDS, X, kl_attack, moved

PGD3 = PGD(Threat("Linf", 0.2), steps=3)
ATTACKS = {RLFATP: PGD3, RLFATT: kl_attack()}
both = pytest.mark.parametrize("kind", [RLFATP, RLFATT])


def _adversarial(method) -> tuple[np.ndarray, np.ndarray]:
    """What the first update trains on: x_adv, and its shuffle."""
    x_adv = method.attack(method.victim, *BATCH[:2], SEEDS)
    seeds = tf.repeat(SEEDS[:1], 8, axis=0) if method.per_batch else SEEDS
    return x_adv.numpy(), random_block_shuffle(x_adv, draws.fold(seeds, -1), method.k).numpy()


def _numpy(method, layers, x_adv, x_rbs, smoothing: float):
    """The loss of each image, and the gradients of its mean."""
    z_rbs, z_adv = two_layer.logits(layers, x_rbs), two_layer.logits(layers, x_adv)
    transfer, apart = ((z_rbs - z_adv) ** 2).sum(axis=1), 2 * method.eta * (z_rbs - z_adv)
    assert transfer.max() > 0.1
    branches = [(x_adv, -apart / 8)]
    if isinstance(method, RLFATP):
        learning, error = two_layer.cross_entropy(z_rbs, LABEL, smoothing)
    else:
        z = two_layer.logits(layers, X)
        ce, ce_to_z = two_layer.cross_entropy(z, LABEL, smoothing)
        kl, kl_to_z, kl_to_rbs = two_layer.divergence(z, z_rbs)
        learning, error = ce + method.lam * kl, method.lam * kl_to_rbs
        branches.append((X, (ce_to_z + method.lam * kl_to_z) / 8))
    branches.append((x_rbs, (error + apart) / 8))
    return learning + method.eta * transfer, two_layer.gradients(layers, *branches)


@both
@pytest.mark.parametrize(
    ("name", "graph"), [("linear", False), ("two layers", False), ("two layers", True)]
)
@pytest.mark.parametrize(
    ("options", "smoothing"), [({}, 0.0), ({"eta": 0.0}, 0.1), ({"per_batch": True}, 0.1)]
)
def test_loss_and_gradients_equal_numpy(kind, name, options, smoothing, graph):
    layers = NETWORKS[name]
    options = {"attack": ATTACKS[kind], "label_smoothing": smoothing, **options}
    method = kind(two_layer.network(layers), **options)
    # The attack is told nothing of the smoothing.
    x_adv, x_rbs = _adversarial(method)
    results, got = moved(method, graph)
    losses, expected = _numpy(method, layers, x_adv, x_rbs, smoothing)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-7)
    assert results == pytest.approx(_reports(method, layers, x_adv, x_rbs, losses), rel=1e-6)


def _reports(method, layers, x_adv, x_rbs, losses) -> dict[str, float]:
    images = {"accuracy": X, "adv_accuracy": x_adv, "shuffled_accuracy": x_rbs}
    if isinstance(method, RLFATP):
        del images["accuracy"]
    if not method.eta:
        del images["adv_accuracy"]
    right = {n: two_layer.logits(layers, x).argmax(axis=1) == LABEL for n, x in images.items()}
    return {"loss": losses.mean(), **{name: hits.mean() for name, hits in right.items()}}


def test_weights_are_the_papers_unless_given():
    p, t = RLFATP(two_layer.network(LINEAR)), RLFATT(two_layer.network(LINEAR))
    assert (p.eta, p.k, p.per_batch) == (0.5, 2, False)
    assert (t.lam, t.eta, t.k, t.per_batch) == (6.0, 1.0, 2, False)


KL3 = kl_attack()
NO_STEPS = PGD(Threat("Linf", 0.2), steps=0)
SIMPLER = {
    "P with eta 0, k 1 is PGD-AT": (RLFATP, dict(attack=PGD3, eta=0.0, k=1)),
    "P with k 1 is PGD-AT": (RLFATP, dict(attack=PGD3, k=1)),
    "P with k 1, no attack is standard": (RLFATP, dict(attack=NO_STEPS, k=1)),
    "T with eta 0, k 1 is TRADES": (RLFATT, dict(attack=KL3, eta=0.0, k=1)),
    "T with lambda 0, eta 0 is standard": (RLFATT, dict(attack=KL3, eta=0.0, lam=0.0)),
}


@pytest.mark.parametrize("name", SIMPLER)
def test_simpler_methods_to_the_bit(name):
    kind, options = SIMPLER[name]
    other = {
        "PGD-AT": (PGDAdversarialTraining, dict(attack=PGD3)),
        "TRADES": (TRADES, dict(attack=KL3)),
        "standard": (Standard, {}),
    }[name.split(" is ")[1]]
    weights = two_layer.trained(kind, **options)
    for a, b in zip(weights, two_layer.trained(other[0], **other[1]), strict=True):
        np.testing.assert_array_equal(a, b)
    # It is the option that makes them equal.
    plain = two_layer.trained(kind, attack=ATTACKS[kind])
    assert np.abs(weights[0] - plain[0]).max() > 1e-3


@both
@pytest.mark.parametrize("per_batch", [False, True])
def test_parts_make_the_update_of_the_whole(kind, per_batch):
    options = dict(attack=ATTACKS[kind], per_batch=per_batch)
    whole, parts = (two_layer.trained(kind, accumulate=n, **options) for n in (1, 4))
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("per_batch", [False, True])
def test_shuffles_are_drawn_for_each_update_and_image_or_batch(per_batch, monkeypatch):
    attacked, shuffled = [], []

    def attack(victim, x, label, seeds):
        # What an attack draws from: the goal's seeds, then those of each run.
        attacked.extend(draws.fold(seeds, i).numpy() for i in range(4))
        return x

    def spying(x, seeds, k):
        shuffled.append(seeds.numpy())
        return random_block_shuffle(x, seeds, k)

    monkeypatch.setattr(rlfat, "random_block_shuffle", spying)
    method = RLFATP(two_layer.network(LINEAR), attack=attack, per_batch=per_batch)
    method.compile(optim.SGD(1.0))
    method.train_step(BATCH), method.train_step(BATCH)
    theirs, ours = ({tuple(pair) for pair in np.concatenate(s)} for s in (attacked, shuffled))
    assert (len(theirs), len(ours)) == (4 * 16, 2 if per_batch else 16)
    assert not theirs & ours


@both
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_each_forward_pass_moves_the_statistics_and_eta_0_leaves_one_out(kind, eta):
    network, norm = two_layer.normalized_pixels(momentum=0.75)
    method = kind(network, attack=ATTACKS[kind], eta=eta)
    x_adv, x_rbs = _adversarial(method)
    moved(method, graph=True)
    passes = [X] * (kind is RLFATT) + [x_rbs] + [x_adv] * bool(eta)
    mean, variance = two_layer.statistics_after(0.75, *passes)
    np.testing.assert_allclose(norm.moving_mean, mean, rtol=1e-6)
    np.testing.assert_allclose(norm.moving_variance, variance, rtol=1e-6)


def test_more_blocks_than_pixels_are_refused():
    method = RLFATP(two_layer.network(LINEAR), attack=PGD3, k=3)
    with pytest.raises(InputError, match="^--rlfat_blocks=3 must be between 1 and the 2 pixels"):
        moved(method, graph=False)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
