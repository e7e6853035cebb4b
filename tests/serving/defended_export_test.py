"""The defended signatures of an export, through the loader that TensorFlow Serving uses."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import networks
from robust_tf.data.decode import decode_and_resize
from robust_tf.defenses import ActiveDefense, defended_victim
from robust_tf.losses import feature_loss
from robust_tf.serving.export import Defended, export
from robust_tf.victim import network_victim
from tests.linear import seeds
from tests.serving.pictures import FILES, PIXELS, SHAPE, disturb
from tests.serving.served import serve, signatures

IMAGES = PIXELS.astype(np.float32) / 255
SEEDS = seeds(len(IMAGES)).numpy()
OUTPUTS = ["classes", "converged", "induced", "logits", "probabilities", "steps"]


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """One with groups, and statistics as after a training."""
    return disturb(networks.build("wrn-10-1", SHAPE, 3))


@pytest.fixture(scope="module")
def defense(network) -> ActiveDefense:
    """Some of whose loops end by themselves."""
    features = networks.up_to(network, "group0")
    noisy = ActiveDefense(features, delta=9.0)(IMAGES, SEEDS).t
    delta = float(np.median(feature_loss(features(noisy, training=False))))
    return ActiveDefense(features, delta=delta * 0.99, beta=1.0, cap=4)


@pytest.fixture(scope="module")
def version(network, defense, tmp_path_factory):
    """The export, its seeded signature among the others."""
    defended = Defended(defense, outer_loops=2, seeded=True)
    return export(network, tmp_path_factory.mktemp("exports"), defended={"defended": defended})


def test_the_seeded_signature_gives_what_python_gives(network, defense, version):
    images = np.random.default_rng(3).uniform(size=(64, *SHAPE)).astype(np.float32)
    images[: len(IMAGES)], given = IMAGES, seeds(64).numpy()
    sizes = (1, 7, 64)
    requests = [("defended_seeded", {"images": images[:n], "seeds": given[:n]}) for n in sizes]
    victim = defended_victim(network_victim(network), defense, outer_loops=2)
    expected = {name: value.numpy() for name, value in victim(images, given).items()}
    assert 0 < expected["converged"].sum() < 64
    for answer, n in zip(serve(version, requests), sizes, strict=True):
        assert sorted(answer) == OUTPUTS
        for name in ("steps", "converged"):
            np.testing.assert_array_equal(answer[name], expected[name][:n])
        for name in ("logits", "induced"):
            np.testing.assert_allclose(answer[name], expected[name][:n], atol=1e-4)
        np.testing.assert_array_equal(answer["classes"], expected["logits"][:n].argmax(axis=1))


def test_every_request_draws_fresh_noise_whatever_seed_python_had(network, defense, tmp_path):
    answers = []
    for k in range(2):
        keras.utils.set_random_seed(1)
        version = export(network, tmp_path / str(k), defended={"defended": Defended(defense)})
        answers += serve(version, [("defended", IMAGES), ("defended", IMAGES)])
    logits = [answer["logits"] for answer in answers]
    for i in range(4):
        for j in range(i):
            assert (np.abs(logits[i] - logits[j]).max(axis=1) > 0).all()
        # Nor do the images of a request share their noise: the same image twice.
    twice = serve(version, [("defended", np.repeat(IMAGES[:1], 2, axis=0))])[0]["logits"]
    assert (twice[0] != twice[1]).any()


def test_pixels_and_files_are_defended_too_and_the_bare_answers_stay(network, version):
    names = ("defended", "pixels_defended", "encoded_defended", "serving_default", "encoded")
    values = (IMAGES, PIXELS, FILES, IMAGES, FILES)
    answers = dict(zip(names, serve(version, list(zip(names, values, strict=True))), strict=True))
    for name in names[:3]:
        assert sorted(answers[name]) == OUTPUTS
        assert answers[name]["induced"].min() > 0.05
        np.testing.assert_allclose(answers[name]["probabilities"].sum(axis=1), 1, atol=1e-5)
    decoded = np.stack([decode_and_resize(content, SHAPE) for content in FILES])
    for name, seen in (("serving_default", IMAGES), ("encoded", decoded)):
        np.testing.assert_allclose(answers[name]["logits"], network(seen), atol=1e-4)


def test_without_noise_every_form_gives_what_python_gives(network, defense, tmp_path):
    """The loop alone draws nothing, so that the public signatures can be held to numbers."""
    features = networks.up_to(network, "group0")
    decoded = np.stack([decode_and_resize(content, SHAPE) for content in FILES])
    both = np.concatenate([IMAGES, decoded])
    delta = 0.99 * float(np.min(feature_loss(features(both, training=False))))
    silent = dataclasses.replace(defense, sigma=0.0, delta=delta)
    version = export(network, tmp_path, defended={"defended": Defended(silent)})
    victim = defended_victim(network_victim(network), silent)
    forms = {"defended": (IMAGES, IMAGES), "pixels_defended": (PIXELS, IMAGES)}
    forms["encoded_defended"] = (FILES, decoded)
    answers = serve(version, [(name, sent) for name, (sent, _) in forms.items()])
    for answer, (_, seen) in zip(answers, forms.values(), strict=True):
        expected = victim(tf.constant(seen), SEEDS)
        assert expected["steps"].numpy().max() > 0
        np.testing.assert_array_equal(answer["steps"], expected["steps"])
        np.testing.assert_allclose(answer["logits"], expected["logits"], atol=1e-4)


def test_seeds_are_taken_only_where_that_was_asked_for(network, defense, version, tmp_path):
    assert "defended_seeded" in signatures(version)
    listed = signatures(export(network, tmp_path, defended={"defended": Defended(defense)}))
    bare = ["encoded", "pixels", "serving_default"]
    assert sorted(listed) == sorted([*bare, "defended", "pixels_defended", "encoded_defended"])
    assert listed["defended"].inputs["images"].dtype == tf.float32.as_datatype_enum
