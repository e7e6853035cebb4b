"""Tests of robust_tf.attacks.substitute: what is learned from a victim's answers alone."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.attacks import fgsm
from robust_tf.attacks.substitute import train_substitute
from robust_tf.attacks.transfer import Transfer
from robust_tf.errors import InputError
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.linear import linear_network, random_images, seeds

WEIGHTS = np.random.default_rng(0).normal(size=(4, 3))
# At the middle of the images no class is ahead.
TARGET = linear_network(WEIGHTS, -WEIGHTS.sum(axis=0) / 2)
HELD_OUT = random_images(300, seed=5)
HELD_OUT_LABEL = np.argmax(TARGET(HELD_OUT), axis=1)


@tf.custom_gradient
def _locked(logits):
    def gradient(upstream):
        raise RuntimeError("asked for a gradient")

    return logits, gradient


def _black_box(x, seed):
    return {"logits": _locked(TARGET(x))}


def _agreement(network) -> float:
    return float(np.mean(np.argmax(network(HELD_OUT), axis=1) == HELD_OUT_LABEL))


@functools.cache
def _substitute(seed: int = 3, count: int = 1000, rounds: int = 0, epochs: int = 60):
    return train_substitute(
        _black_box, random_images(count), seed, units=(64, 64), epochs=epochs, rounds=rounds
    )


def test_agrees_with_the_target_on_held_out_images():
    assert _agreement(_substitute()) > 0.9
    # An untrained network does not, and the classes are not told apart by chance.
    assert _agreement(_substitute(count=2, epochs=1)) < 0.8
    assert np.bincount(HELD_OUT_LABEL).max() < 0.6 * len(HELD_OUT)


def test_three_layers_from_images_to_logits():
    network = train_substitute(_black_box, random_images(4), 1, epochs=1)
    assert network.input_shape == (None, 2, 2, 1) and network.output_shape == (None, 3)
    kernels = [w.shape for w in network.trainable_weights if w.name == "kernel"]
    assert kernels == [(4, 200), (200, 200), (200, 3)]


def test_its_images_fool_the_target():
    attack = fgsm(Threat("Linf", 0.15))
    batch = (tf.constant(HELD_OUT), tf.constant(HELD_OUT_LABEL), seeds(len(HELD_OUT)))
    transfer = Transfer(attack, network_victim(_substitute()))
    right, right_white_box = (
        np.mean(np.argmax(TARGET(x_adv), axis=1) == HELD_OUT_LABEL)
        for x_adv in (
            transfer(_black_box, *batch),
            attack(network_victim(TARGET), *batch),
        )
    )
    noise = 0.15 * np.sign(np.random.default_rng(1).normal(size=HELD_OUT.shape))
    right_noise = np.mean(np.argmax(TARGET(HELD_OUT + noise), axis=1) == HELD_OUT_LABEL)
    assert right < min(right_white_box + 0.1, right_noise - 0.2)
    with pytest.raises(RuntimeError, match="asked for a gradient"):
        attack(_black_box, *batch)


def test_the_seed_decides():
    first, again, other = (
        train_substitute(_black_box, random_images(40), seed, units=(8, 8), epochs=3)
        for seed in (3, 3, 4)
    )
    np.testing.assert_allclose(first(HELD_OUT), again(HELD_OUT), atol=1e-5)
    assert np.abs(first(HELD_OUT) - other(HELD_OUT)).max() > 0.01


def test_a_round_of_augmentation_asks_about_images_along_the_labels_logit():
    x = random_images(6)
    asked, seeds_seen = [], []

    def victim(images, seed):
        def record(images, seed):
            asked.append(images)
            seeds_seen.append(seed)
            return images

        recorded = tf.numpy_function(record, [images, seed], tf.float32)
        return {"logits": TARGET(tf.ensure_shape(recorded, images.shape))}

    # Without hidden layers, the gradient of a logit is its column of the kernel.
    options = dict(seed=2, units=(), epochs=2)
    before = train_substitute(victim, x, **options)
    kernel = before.get_weights()[0]
    asked.clear(), seeds_seen.clear()
    train_substitute(victim, x, rounds=2, **options)
    assert [len(images) for images in asked] == [6, 6, 12]
    np.testing.assert_array_equal(asked[0], x)
    label = np.argmax(TARGET(x), axis=1)
    step = 0.1 * np.sign(kernel[:, label].T).reshape(x.shape)
    np.testing.assert_allclose(asked[1], np.clip(x + step, 0, 1), atol=1e-6)
    # The second round goes on from the images of both.
    both = np.concatenate(asked[:2])
    assert 0 < np.abs(asked[2] - both).max() <= 0.1 + 1e-6
    every = np.concatenate(seeds_seen)
    assert len(np.unique(every, axis=0)) == len(every)


def test_augmentation_makes_more_of_few_images():
    few = _substitute(count=12, epochs=30)
    more = _substitute(count=12, epochs=30, rounds=5)
    assert _agreement(more) > _agreement(few)


@pytest.mark.parametrize(
    ("images", "options", "sentence"),
    [
        (random_images(2), dict(epochs=0), "The substitute's epochs must be at least 1, got 0."),
        (random_images(2), dict(rounds=-1), "The substitute's rounds must be at least 0, got -1."),
        (
            np.zeros((0, 2, 2, 1), np.float32),
            dict(),
            "The substitute's images have shape (0, 2, 2, 1); expected (count, height, width, "
            "channels), none of them 0.",
        ),
    ],
)
def test_bad_values_get_their_sentence(images, options, sentence):
    with pytest.raises(InputError) as error:
        train_substitute(_black_box, images, 1, **options)
    assert str(error.value) == sentence


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
