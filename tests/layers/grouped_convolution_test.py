"""The grouped convolution against a loop over its groups, and what an export of it holds."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from robust_tf.layers import GroupedConv2D


def images(seed: int, channels: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, 5, 5, channels)).astype("float32")


def test_one_by_one_kernel_by_hand():
    layer = GroupedConv2D(4, 1, groups=2, use_bias=False)
    layer.build((None, 1, 1, 4))
    layer.set_weights([np.array([[1, 2, 3, 4], [5, 6, 7, 8]], "float32").reshape(1, 1, 2, 4)])
    given = np.array([1, 10, 100, 1000], "float32").reshape(1, 1, 1, 4)
    # The first two inputs reach only the first two outputs, the others only the others.
    assert np.ravel(layer(given)).tolist() == [51, 62, 7300, 8400]


@pytest.mark.parametrize(("groups", "stride"), [(2, 1), (3, 2), (1, 1)])
def test_equals_a_loop_over_groups(groups, stride):
    layer = GroupedConv2D(12, 3, strides=stride, padding="same", groups=groups)
    x = images(1)
    got = layer(x).numpy()
    assert layer.kernel.shape == (3, 3, 6 // groups, 12)
    assert layer.kernel.path.endswith("/kernel")
    ins, outs = 6 // groups, 12 // groups
    for g in range(groups):
        kernel = layer.kernel[..., g * outs : (g + 1) * outs]
        part = x[..., g * ins : (g + 1) * ins]
        want = tf.nn.conv2d(part, kernel, strides=stride, padding="SAME").numpy()
        np.testing.assert_allclose(got[..., g * outs : (g + 1) * outs], want, atol=1e-5)


def test_kernel_and_gradients_are_those_of_the_keras_layer():
    options = dict(filters=4, kernel_size=3, groups=2, padding="same")
    ours, keras_layer = GroupedConv2D(**options), keras.layers.Conv2D(**options)
    x = tf.constant(images(2, channels=4))
    ours(x), keras_layer(x)
    keras_layer.set_weights(ours.get_weights())
    gradients = []
    for layer in (ours, keras_layer):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x) ** 3)
        gradients.append(tape.gradient(loss, [x, layer.kernel.value]))
    for got, want in zip(*gradients, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)


def test_config_makes_the_layer_again():
    layer = GroupedConv2D(4, 3, groups=2, name="conv", dtype="mixed_bfloat16")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is GroupedConv2D
    assert again.get_config() == layer.get_config()


def test_export_holds_no_function_for_xla_alone(tmp_path):
    network = keras.Sequential([keras.Input((4, 4, 4)), GroupedConv2D(4, 3, groups=2)])
    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.add_endpoint("serve", network.call, [keras.InputSpec("float32", (None, 4, 4, 4))])
    archive.write_out(tmp_path, verbose=False)
    saved = saved_model_pb2.SavedModel.FromString((tmp_path / "saved_model.pb").read_bytes())
    functions = saved.meta_graphs[0].graph_def.library.function
    assert functions
    assert not [f.signature.name for f in functions if "_XlaMustCompile" in f.attr]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
