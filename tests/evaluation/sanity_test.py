"""Tests of robust_tf.evaluation.sanity: each finding is made of a victim built to have it alone."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import draws
from robust_tf.evaluation.sanity import Findings, check
from robust_tf.victim import network_victim
from tests.linear import image, linear_network, random_images

WEIGHTS = np.array([[1, -1, 0, 0.5], [0.5, 2, -2, 0], [-3, 1, -1, 1], [1, 0.25, 3, -2]])
LINEAR = network_victim(linear_network(WEIGHTS, [0.25, 0, -0.25, 0]))
IMAGES = random_images(20)
LABELS = np.argmax(LINEAR(IMAGES, None)["logits"], axis=-1)
ORDINARY = Findings(
    random=False,
    probabilities=False,
    bounded=False,
    before_squeeze=False,
    gradients=True,
    zero_gradients=0.0,
    classes=4,
)


def _logits(change):
    """A victim whose logits are a function of the linear network's."""
    return lambda x, seed: {"logits": change(LINEAR(x, seed)["logits"])}


def _random(x, seed):
    noise = draws.per_image(tf.random.stateless_normal, seed, (4,))
    return {"logits": LINEAR(x, seed)["logits"] + 0.01 * noise}


def _constant(x, seed):
    """It has a gradient, which is zero."""
    return {"logits": 0 * LINEAR(x, seed)["logits"] + [1.0, -1.0, 0.5, 0.0]}


def _independent(x, seed):
    return {"logits": tf.tile([[1.0, -1.0, 0.5, 0.0]], (tf.shape(x)[0], 1))}


def _squeezing(factor: float, clip: bool = False):
    def victim(x, seed):
        z = factor * LINEAR(tf.clip_by_value(x, 0, 1) if clip else x, seed)["logits"]
        return {"logits": tf.tanh(z), "before_squeeze": z}

    return victim


def _not_squeezing(x, seed):
    z = LINEAR(x, seed)["logits"]
    return {"logits": z, "before_squeeze": z}


def _half_stopped(x, seed):
    z = LINEAR(x, seed)["logits"]
    return {"logits": tf.where(x[:, 0, 0] > 0.5, z, tf.stop_gradient(z))}


def _refuses(z):
    """TensorFlow raises a LookupError for the gradient of this operation."""
    return tf.raw_ops.PreventGradient(input=z, message="none")


BRIGHT = float(np.mean(IMAGES[:, 0, 0, 0] > 0.5))
NONE = dict(gradients=False, zero_gradients=None)
TANH = dict(bounded=True)
CASES = {
    "linear": (LINEAR, {}),
    "small logits": (_logits(lambda z: 1e-3 * z), {}),
    "tiny logits": (_logits(lambda z: 1e-9 * z), {}),
    "logits of at most 1 on clean images": (_logits(lambda z: z / 8), {}),
    "softmax": (_logits(tf.nn.softmax), dict(probabilities=True)),
    "tanh": (_logits(tf.tanh), TANH),
    "tanh, nowhere near its ends": (_logits(lambda z: tf.tanh(z / 100)), TANH),
    "sigmoid": (_logits(tf.sigmoid), TANH),
    "tanh and before": (_squeezing(0.1), dict(bounded=True, before_squeeze=True)),
    "tanh of clipped": (_squeezing(0.1, clip=True), dict(bounded=True, before_squeeze=True)),
    "before alone": (_not_squeezing, dict(before_squeeze=True)),
    "saturated": (_logits(lambda z: tf.tanh(1e6 * z)), dict(bounded=True, zero_gradients=1.0)),
    "random": (_random, dict(random=True)),
    "constant": (_constant, dict(zero_gradients=1.0)),
    "independent": (_independent, NONE),
    "half stopped": (_half_stopped, dict(zero_gradients=1 - BRIGHT)),
    "stopped": (_logits(tf.stop_gradient), NONE),
    "rounded": (_logits(tf.round), NONE),
    "refused": (_logits(_refuses), NONE),
    "no number": (_logits(lambda z: z * float("nan")), dict(zero_gradients=1.0)),
    "two classes": (_logits(lambda z: z[:, :2]), dict(classes=2)),
}


@pytest.mark.parametrize("name", CASES)
def test_each_finding_is_made_of_its_victim_and_no_other(name):
    victim, found = CASES[name]
    label = np.minimum(LABELS, found.get("classes", 4) - 1)
    assert 0 < BRIGHT < 1
    assert check(victim, IMAGES, label, seed=3) == ORDINARY._replace(**found)


def test_saturated_images_have_no_gradient_and_the_others_have():
    # z is 40 x: from 0.25 on, tanh is 1 in float32.
    network = network_victim(linear_network([[40.0, -40.0]], shape=(1, 1, 1)))

    def victim(x, seed):
        return {"logits": tf.tanh(network(x, seed)["logits"])}

    x = np.array([0.0, 0.01, 0.3, 0.5, 0.75], np.float32).reshape(5, 1, 1, 1)
    findings = check(victim, x, np.zeros(5, int), seed=0)
    assert (findings.bounded, findings.zero_gradients) == (True, 3 / 5)


@pytest.mark.parametrize(("label", "share"), [(0, 1.0), (1, 0.0), (2, 0.0)])
def test_dlr_alone_can_be_without_gradient_and_counts_where_the_image_is_right(label, share):
    """z = s (4, 2, 0): cross-entropy depends on s, and DLR is -1/2, 1/2 or 1."""
    victim = network_victim(linear_network(np.outer(np.ones(4), [4.0, 2.0, 0.0])))
    x = np.repeat(image(0.25, 0.25, 0.25, 0.25), 2, axis=0)
    assert check(victim, x, [label, label], seed=0).zero_gradients == share


def test_a_random_scale_is_no_random_answer_but_a_random_class_is():
    """Logits are compared at norm 1."""

    def victim(x, seed):
        factor = draws.per_image(tf.random.stateless_uniform, seed, (1,), minval=1.0, maxval=2.0)
        return {"logits": factor * LINEAR(x, seed)["logits"]}

    def classes(x, seed):
        chosen = draws.per_image(tf.random.stateless_uniform, seed, (), maxval=4, dtype=tf.int32)
        return {"logits": tf.one_hot(chosen, 4) * 8 + LINEAR(x, seed)["logits"]}

    assert not check(victim, IMAGES, LABELS, seed=0).random
    assert check(classes, IMAGES, LABELS, seed=0).random


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
