"""ResNet and ResNeXt: the known sizes, stems, strides, initial weights, a clean export."""

import keras
import numpy as np
import pytest
from tensorflow.core.protobuf import saved_model_pb2

from robust_tf import networks
from robust_tf.networks import resnet

SHAPE = (8, 8, 3)
X = np.random.default_rng(0).random((2, *SHAPE), dtype="float32")
STRIDED = ("conv0", "pool0", "group1_block0_conv1", "group1_block0_conv2", "group1_block0_shortcut")


@pytest.fixture
def tiny(monkeypatch):
    """Builds a ResNet-50 or ResNeXt-50 with few blocks."""

    def build(name: str, blocks: tuple[int, ...], **options) -> keras.Model:
        full = resnet.RESNETS[name]
        few = resnet.ResNet(blocks, full.cardinality, full.group_width)
        monkeypatch.setitem(resnet.RESNETS, name, few)
        return networks.build(name, options.pop("shape", SHAPE), 10, **options)

    return build


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("resnet-50", 25_557_032),
        ("resnet-101", 44_549_160),
        ("resnet-152", 60_192_808),
        ("resnext-50-32x4d", 25_028_904),
        ("resnext-101-32x8d", 88_791_336),
    ],
)
def test_parameter_counts(name, parameters):
    network = networks.build(name, (224, 224, 3), 1000)
    assert sum(int(np.prod(w.shape)) for w in network.trainable_weights) == parameters
    assert network.get_layer("group3").output.shape == (None, 7, 7, 2048)


@pytest.mark.parametrize(
    ("size", "stem", "positions"),
    [(95, None, 95), (96, None, 24), (32, "imagenet", 8), (96, "small", 96)],
)
def test_stem(tiny, size, stem, positions):
    network = tiny("resnet-50", (1,), shape=(size, size, 3), stem=stem)
    assert network.get_layer("group0").output.shape == (None, positions, positions, 256)
    assert network.get_layer("conv0").kernel.shape[0] == (3 if positions == size else 7)


def test_the_stride_is_on_the_3x3(tiny):
    network = tiny("resnet-50", (1, 1), stem="imagenet")
    strides = {n: network.get_layer(n).strides[0] for n in STRIDED}
    assert [n for n, stride in strides.items() if stride == 2] == [
        n for n in STRIDED if n != "group1_block0_conv1"
    ]
    paddings = {layer.padding for layer in network.layers if hasattr(layer, "padding")}
    assert paddings == {"same"}


def test_a_new_block_is_its_shortcut(tiny):
    network = tiny("resnet-50", (2, 1))
    names = ["group0_block0_act3", "group0", "group1_block0_shortcut_bn", "group1"]
    got = networks.outputs(network, names)(X)
    assert got["group0"].numpy().any()
    np.testing.assert_array_equal(got["group0"], got["group0_block0_act3"])
    np.testing.assert_array_equal(
        got["group1"], np.maximum(got["group1_block0_shortcut_bn"].numpy(), 0)
    )


def test_initial_weights(tiny):
    network = tiny("resnext-50-32x4d", (1, 1, 1, 1))
    last = network.get_layer("logits").kernel.numpy()
    assert last.std() == pytest.approx(0.01, rel=0.05)
    assert not network.get_layer("logits").bias.numpy().any()
    for name, filters, size in (("group3_block0_conv1", 1024, 1), ("group3_block0_conv3", 2048, 1)):
        kernel = network.get_layer(name).kernel.numpy()
        assert kernel.std() == pytest.approx(np.sqrt(2 / (filters * size**2)), rel=0.05)


def test_resnext_groups_its_3x3_only(tiny):
    network = tiny("resnext-50-32x4d", (1, 1))
    shapes = [network.get_layer(f"group1_block0_conv{i}").kernel.shape for i in (1, 2, 3)]
    assert shapes == [(1, 1, 256, 256), (3, 3, 8, 256), (1, 1, 256, 512)]


def test_export_of_a_resnext_holds_no_function_for_xla_alone(tiny, tmp_path):
    network = tiny("resnext-50-32x4d", (1, 1))
    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.add_endpoint("serve", network.call, [keras.InputSpec("float32", (None, *SHAPE))])
    archive.write_out(tmp_path, verbose=False)
    saved = saved_model_pb2.SavedModel.FromString((tmp_path / "saved_model.pb").read_bytes())
    functions = saved.meta_graphs[0].graph_def.library.function
    assert functions
    assert not [f.signature.name for f in functions if "_XlaMustCompile" in f.attr]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
