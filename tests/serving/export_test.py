"""Tests of robust_tf.serving.export, through the loader that TensorFlow Serving uses."""

import pathlib
import struct

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf import networks
from robust_tf.data.decode import decode_and_resize
from robust_tf.errors import InputError
from robust_tf.networks import resnet
from robust_tf.serving import warmup_requests
from robust_tf.serving.export import export, xla_functions
from tests.serving.pictures import FILES, RANDOM, SHAPE, disturb
from tests.serving.served import serve, signatures

CLASSES = 10
INPUTS = {"serving_default": "images", "pixels": "pixels", "encoded": "image_bytes"}


def png_header(width: int, height: int) -> bytes:
    """What a PNG of this size begins with."""
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + struct.pack(">II", width, height)


def assert_answers(answer: dict, network: keras.Model, images: np.ndarray) -> None:
    """Holds an answer to what the Keras network says of the same images."""
    logits = np.asarray(network(images, training=False))
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert sorted(answer) == ["classes", "logits", "probabilities"]
    assert answer["logits"].dtype == answer["probabilities"].dtype == np.float32
    np.testing.assert_allclose(answer["logits"], logits, atol=1e-4, rtol=0)
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answer["probabilities"], probabilities, atol=1e-4, rtol=0)
    np.testing.assert_array_equal(answer["classes"], logits.argmax(axis=1))


@pytest.mark.parametrize(
    ("name", "options", "crop"),
    [("wrn-10-1", {}, "center"), ("resnext-50-32x4d", {"stem": "small"}, "none")],
)
def test_served_without_our_code_it_gives_the_networks_numbers(
    tmp_path, monkeypatch, name, options, crop
):
    # It has a block of each kind.
    few = resnet.ResNet((1, 2), cardinality=32, group_width=4)
    monkeypatch.setitem(resnet.RESNETS, "resnext-50-32x4d", few)
    network = disturb(networks.build(name, SHAPE, CLASSES, **options))
    version = export(network, tmp_path / "exports", crop=crop)
    pixels = np.random.default_rng(2).integers(0, 256, (64, *SHAPE), dtype=np.uint8)
    images, files = pixels.astype(np.float32) / 255, (13 * FILES)[:64]
    decoded = np.stack([decode_and_resize(content, SHAPE, crop) for content in files])
    sent = {"serving_default": images, "pixels": pixels, "encoded": files}
    seen = {"serving_default": images, "pixels": images, "encoded": decoded}
    asked = [(signature, n) for signature in sent for n in (1, 7, 64)]
    answers = serve(version, [(signature, sent[signature][:n]) for signature, n in asked])
    for answer, (signature, n) in zip(answers, asked, strict=True):
        assert_answers(answer, network, seen[signature][:n])
    assert xla_functions(version) == []


@pytest.fixture(scope="module")
def small() -> keras.Model:
    """A network that is written in a moment."""
    return keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])


@pytest.mark.parametrize("crop", ["none", "center", "whole"])
def test_encoded_images_are_decoded_as_in_evaluation(tmp_path, crop):
    # The network returns the image itself: what it was given is what it answers.
    look = keras.Sequential([keras.Input((8, 6, 3)), keras.layers.Flatten()])
    served = tf.saved_model.load(export(look, tmp_path, crop=crop)).signatures["encoded"]
    logits = served(image_bytes=tf.constant(FILES))["logits"].numpy()
    for row, content in zip(logits, FILES, strict=True):
        expected = np.ravel(decode_and_resize(content, (8, 6, 3), crop))
        np.testing.assert_allclose(row, expected, atol=1e-6, rtol=0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="are too large together; expected"):
        served(image_bytes=tf.constant([png_header(5000, 5000)] * 2))


def test_signatures_are_listed_with_their_inputs_types_and_shapes(small, tmp_path):
    listed = signatures(export(small, tmp_path))
    assert sorted(listed) == ["encoded", "pixels", "serving_default"]
    types = {"serving_default": tf.float32, "pixels": tf.uint8, "encoded": tf.string}
    for name, signature in listed.items():
        assert list(signature.inputs) == [INPUTS[name]]
        wanted = signature.inputs[INPUTS[name]]
        assert wanted.dtype == types[name].as_datatype_enum
        sides = [side.size for side in wanted.tensor_shape.dim]
        assert sides == ([-1] if name == "encoded" else [-1, 4, 4, 1])
        assert sorted(signature.outputs) == ["classes", "logits", "probabilities"]


def test_versions_count_up_from_the_highest(small, tmp_path):
    root = tmp_path / "deep" / "exports"
    assert export(small, root) == root / "1"
    assert export(small, root) == root / "2"
    (root / "7").mkdir()
    (root / "readme").touch()
    assert export(small, root) == root / "8"
    assert sorted(each.name for each in root.iterdir()) == ["1", "2", "7", "8", "readme"]


def test_two_exports_at_once_get_two_versions(small, tmp_path, monkeypatch):
    rename = pathlib.Path.rename
    first = []

    def overtaken(self, target):
        if not first:
            first.append(target)
            (target / "variables").mkdir(parents=True)
        return rename(self, target)

    monkeypatch.setattr(pathlib.Path, "rename", overtaken)
    assert export(small, tmp_path) == tmp_path / "2"
    assert first == [tmp_path / "1"]


@pytest.mark.parametrize(
    ("owner", "name"),
    [(type(keras.export.ExportArchive()), "write_out"), (warmup_requests, "write")],
)
def test_a_version_appears_whole_or_not_at_all(small, tmp_path, monkeypatch, owner, name):
    write = getattr(owner, name)
    seen = []

    def fail_late(*what, **options):
        write(*what, **options)
        seen.extend(each.name for each in tmp_path.iterdir())
        raise OSError("No space left on device")

    monkeypatch.setattr(owner, name, fail_late)
    with pytest.raises(OSError, match="No space left"):
        export(small, tmp_path)
    assert len(seen) == 1 and not seen[0].isdecimal()
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_needs_xla_is_refused(tmp_path):
    images = keras.Input(SHAPE)
    grouped = keras.layers.Conv2D(6, 3, groups=3)(images)
    logits = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(grouped))
    with pytest.raises(InputError, match="needs XLA"):
        export(keras.Model(images, logits), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_xla_functions_names_what_must_be_compiled(tmp_path):
    module = tf.Module()
    module.run = tf.function(
        tf.function(lambda x: x * 2, jit_compile=True), input_signature=[tf.TensorSpec([2])]
    )
    tf.saved_model.save(module, tmp_path)
    assert xla_functions(tmp_path)


@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16"])
def test_other_precisions_still_take_and_give_float32(tmp_path, dtype):
    network = networks.build("cnn-small", (8, 8, 1), 3, dtype=dtype)
    images = RANDOM.uniform(size=(2, 8, 8, 1)).astype(np.float32)
    answer = tf.saved_model.load(export(network, tmp_path)).signatures["serving_default"](
        images=tf.constant(images)
    )
    assert_answers(
        {name: value.numpy() for name, value in answer.items()},
        lambda x, training: tf.cast(network(x, training=training), tf.float32),
        images,
    )


def test_class_names_are_kept_beside_the_network(small, tmp_path):
    version = export(small, tmp_path, class_names=["cat", "dog", "größe"])
    text = (version / "assets.extra" / "class_names.txt").read_text(encoding="utf-8")
    assert text == "cat\ndog\ngröße\n"
    without = (export(small, tmp_path) / "assets.extra").iterdir()
    assert sorted(each.name for each in without) == [
        "crop.txt",
        "model_card.md",
        "tf_serving_warmup_requests",
    ]


@pytest.mark.parametrize(
    ("names", "words"),
    [(["cat", "dog"], "has 2 names; expected 3"), (["cat", "a\nb", "dog"], "one line of text")],
)
def test_wrong_class_names_are_refused(small, tmp_path, names, words):
    with pytest.raises(InputError, match=words):
        export(small, tmp_path, class_names=names)
    assert list(tmp_path.iterdir()) == []


def test_a_network_without_a_fixed_image_size_is_refused(tmp_path):
    network = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D()]
    )
    with pytest.raises(InputError, match="images of one size"):
        export(network, tmp_path)


def test_a_network_that_gives_no_logits_is_refused(tmp_path):
    network = keras.Sequential([keras.Input(SHAPE), keras.layers.Conv2D(3, 3)])
    with pytest.raises(InputError, match="expected logits"):
        export(network, tmp_path)


def test_a_file_in_the_place_of_the_folder_is_refused(small, tmp_path):
    (tmp_path / "exports").touch()
    with pytest.raises(InputError, match="--export_dir=.* is a file"):
        export(small, tmp_path / "exports")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
