"""Tests of robust_tf.serving.warmup_requests: both servers can send what it has written."""

import dataclasses

import keras
import numpy as np
import pytest

from robust_tf.defenses import ActiveDefense
from robust_tf.serving.export import Defended, export
from robust_tf.serving.server.model import Model, Signature
from robust_tf.serving.server.warmup import _recorded, warm_up
from tests.serving.served import serve

FILE = "assets.extra/tf_serving_warmup_requests"
BARE = ["serving_default", "pixels", "encoded"]
DEFENDED = ["defended", "pixels_defended", "encoded_defended"]


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A network with features, which is written in a moment."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    body = [layers.Conv2D(2, 3, name="group0"), layers.Flatten(), layers.Dense(3)]
    return keras.Sequential([keras.Input((6, 5, 3)), *body])


@pytest.fixture(scope="module")
def defended(network) -> Defended:
    """A defence whose loops all go to the cap, and a seeded signature."""
    features = keras.Model(network.inputs, network.get_layer("group0").output)
    defense = ActiveDefense(features, delta=0.0, beta=1e-3, cap=500)
    return Defended(defense, outer_loops=2, seeded=True)


@pytest.fixture(scope="module")
def version(network, defended, tmp_path_factory):
    """An export with all signatures."""
    return export(network, tmp_path_factory.mktemp("exports"), defended={"defended": defended})


def test_the_loader_of_tensorflow_serving_answers_each_public_signature(version):
    # What is read here is what the local server reads.
    requests = _recorded(version / FILE)
    assert [name for name, _ in requests] == BARE + DEFENDED
    for _, arrays in requests:
        (array,) = arrays.values()
        assert len(array) == 1
    values = [
        (name, {key: list(a) if a.dtype == object else a for key, a in arrays.items()})
        for name, arrays in requests
    ]
    answers = dict(zip(BARE + DEFENDED, serve(version, values), strict=True))
    for name, answer in answers.items():
        assert answer["probabilities"].shape == (1, 3)
        assert ("steps" in answer) == (name in DEFENDED)
    assert answers["defended"]["steps"] == [1000]
    # One image in three forms; JPEG keeps it to a few levels.
    logits = [answers[name]["logits"] for name in BARE]
    np.testing.assert_allclose(logits[1], logits[0], atol=1e-5)
    np.testing.assert_allclose(logits[2], logits[0], atol=0.2)
    assert np.abs(logits[0]).max() > 0.2


def test_the_local_server_sends_them_before_it_serves(version, monkeypatch):
    called = []
    call = Signature.__call__

    def recorded(self, arrays):
        called.append(self.name)
        return call(self, arrays)

    monkeypatch.setattr(Signature, "__call__", recorded)
    warm_up(Model(version, 1))
    assert called == BARE + DEFENDED


def test_a_defence_of_many_steps_keeps_no_server_waiting(network, defended, tmp_path):
    longer = dataclasses.replace(defended, outer_loops=3, seeded=False)
    version = export(network, tmp_path, defended={"defended": longer})
    assert [name for name, _ in _recorded(version / FILE)] == BARE


def test_a_grey_network_is_sent_grey_images(tmp_path):
    network = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    version = export(network, tmp_path)
    requests = dict(_recorded(version / FILE))
    assert list(requests) == BARE
    images, pixels = requests["serving_default"]["images"], requests["pixels"]["pixels"]
    assert images.shape == pixels.shape == (1, 4, 4, 1)
    # From black to white in 15 steps of 17 levels.
    np.testing.assert_array_equal(pixels.ravel(), np.arange(16) * 17)
    np.testing.assert_allclose(images.ravel(), np.arange(16) / 15, atol=1e-6)
    warm_up(Model(version, 1))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
