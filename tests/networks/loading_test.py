"""Networks are saved and loaded whole, without a flag."""

import keras
import numpy as np
import pytest

from robust_tf import networks
from robust_tf.errors import InputError
from robust_tf.networks import resnet

SHAPE = (8, 8, 3)
X = np.random.default_rng(0).random((2, *SHAPE), dtype="float32")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cnn-small", {"head": "tanh", "dtype": "mixed_bfloat16"}),
        ("wrn-8-2", {"activation": "elu", "sync_bn": True}),
        ("wrn-10-1", {"dtype": "float64"}),
        ("resnext-50-32x4d", {}),
    ],
)
def test_round_trip(name, options, tmp_path, monkeypatch):
    tiny = resnet.ResNet((1,), cardinality=32, group_width=4)
    monkeypatch.setitem(resnet.RESNETS, "resnext-50-32x4d", tiny)
    network = networks.build(name, SHAPE, 10, **options)
    network.save(tmp_path / "network.keras")
    again = networks.load(tmp_path / "network.keras")
    np.testing.assert_array_equal(again(X), network(X))
    assert [n.dtype_policy for n in again.layers] == [n.dtype_policy for n in network.layers]
    assert [w.path for w in again.weights] == [w.path for w in network.weights]


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("mixed_bfloat16", 0.05), ("float64", 1e-5), ("float32", 0)]
)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cnn-small", {"head": "tanh"}),
        ("wrn-8-2", {"activation": "leaky_relu", "sync_bn": True}),
        ("resnext-50-32x4d", {}),
    ],
)
def test_any_precision_loads_as_float32(name, options, dtype, tolerance, tmp_path, monkeypatch):
    tiny = resnet.ResNet((1,), cardinality=32, group_width=4)
    monkeypatch.setitem(resnet.RESNETS, "resnext-50-32x4d", tiny)
    network = networks.build(name, SHAPE, 10, dtype=dtype, **options)
    # A fresh network's last gammas are 0: drawn weights, so that every layer counts.
    rng = np.random.default_rng(1)
    network.set_weights([w + rng.uniform(-0.1, 0.1, w.shape) for w in network.get_weights()])
    network.save(tmp_path / "network.keras")
    again = networks.load(tmp_path / "network.keras", dtype="float32")
    assert {layer.compute_dtype for layer in again.layers} == {"float32"}
    assert {w.dtype for w in again.weights} == {"float32"}
    assert [layer.name for layer in again.layers] == [layer.name for layer in network.layers]
    assert [w.path for w in again.weights] == [w.path for w in network.weights]
    for got, was in zip(again.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(got, was.astype("float32"))
    logits = network(X).numpy().astype("float64")
    assert again(X).dtype == "float32" and np.ptp(logits) > 0.01
    np.testing.assert_allclose(again(X), logits, rtol=0, atol=tolerance * np.abs(logits).max())


def test_run_directory_gives_best_before_last(tmp_path):
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    best, last = (networks.build("wrn-8-1", SHAPE, 10, seed=seed) for seed in (1, 2))
    last.save(checkpoints / "last.keras")
    np.testing.assert_array_equal(networks.load(tmp_path)(X), last(X))
    best.save(checkpoints / "best.keras")
    np.testing.assert_array_equal(networks.load(str(tmp_path))(X), best(X))


def test_nothing_to_load_gets_a_sentence(tmp_path):
    with pytest.raises(InputError, match="checkpoints/best.keras or checkpoints/last.keras"):
        networks.load(tmp_path)
    for name in ("missing.keras", "weights.h5"):
        with pytest.raises(InputError, match=f"{name} is no network; expected a run directory"):
            networks.load(tmp_path / name)


def test_damaged_or_foreign_file_gets_a_sentence(tmp_path):
    path = tmp_path / "network.keras"
    networks.build("wrn-8-1", SHAPE, 10).save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="network.keras cannot be loaded; expected a network"):
        networks.load(path)
    # A Lambda layer is code in a file, and stays out.
    keras.Sequential([keras.Input((1,)), keras.layers.Lambda(lambda x: x)]).save(path)
    with pytest.raises(InputError, match="network.keras cannot be loaded"):
        networks.load(path)


def test_fingerprint_is_of_the_weights(tmp_path):
    network = networks.build("cnn-small", (8, 8, 1), 10)
    network.save(tmp_path / "a.keras")
    assert networks.fingerprint(networks.load(tmp_path / "a.keras")) == networks.fingerprint(
        network
    )
    before = networks.fingerprint(network)
    network.get_layer("logits").bias.assign_add([1e-6] * 10)
    assert networks.fingerprint(network) != before


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
