"""Tests of robust_tf.evaluation.saved_model: SavedModels as others make them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf.attacks import PGD, Square
from robust_tf.errors import InputError
from robust_tf.evaluation.sanity import check
from robust_tf.evaluation.saved_model import saved_model_victim
from robust_tf.threat import Threat
from tests.linear import linear_network, random_images, seeds

WEIGHTS = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
NETWORK = linear_network(WEIGHTS)
X = random_images(6)
IMAGES = tf.TensorSpec((None, 2, 2, 1), tf.float32, name="images")


class _Linear(tf.Module):
    """What is exported of a linear network is up to each test."""

    def __init__(self):
        super().__init__()
        self.weights = tf.Variable(WEIGHTS)

    def logits(self, x):
        return tf.reshape(x, (-1, 4)) @ self.weights


def _saved(path, function, *specs) -> str:
    """A SavedModel whose serving_default is function(module, *inputs)."""
    module = _Linear()
    call = tf.function(lambda *inputs: function(module, *inputs), autograph=False)
    tf.saved_model.save(module, str(path), {"serving_default": call.get_concrete_function(*specs)})
    return str(path)


@pytest.fixture(scope="module")
def keras_export(tmp_path_factory) -> str:
    path = str(tmp_path_factory.mktemp("keras"))
    archive = keras.export.ExportArchive()
    archive.track(NETWORK)
    archive.add_endpoint("serve", NETWORK.call, [IMAGES])
    archive.add_endpoint(
        "both",
        lambda images: {"logits": NETWORK(images), "label": tf.argmax(NETWORK(images), 1)},
        [IMAGES],
    )
    archive.write_out(path, verbose=False)
    return path


@pytest.fixture(scope="module")
def module_export(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("module") / "model"
    return _saved(path, lambda m, x: {"scores": m.logits(x)}, IMAGES)


def _gradients(victim) -> bool:
    return check(victim, X, np.zeros(len(X), np.int64), seed=0).gradients


def _attack(attack, victim) -> np.ndarray:
    label = np.argmax(NETWORK(X), axis=1)
    graph = tf.function(lambda *batch: attack(victim, *batch), autograph=False)
    return graph(tf.constant(X), tf.constant(label), seeds(len(X))).numpy()


@pytest.mark.parametrize("made", ["keras_export", "module_export"])
def test_its_logits_are_its_originals(made, request):
    victim = saved_model_victim(request.getfixturevalue(made))
    assert (victim.image_shape, victim.classes, _gradients(victim)) == ((2, 2, 1), 3, True)
    logits = victim(tf.constant(X), seeds(6))["logits"]
    np.testing.assert_allclose(logits, NETWORK(X), atol=1e-6)
    # Its gradients lead where its original's do.
    from_original = _attack(PGD(Threat("Linf", 0.1), steps=3), lambda x, _: {"logits": NETWORK(x)})
    found = _attack(PGD(Threat("Linf", 0.1), steps=3), victim)
    np.testing.assert_allclose(found, from_original, atol=1e-6)


def test_signature_and_output_by_name(keras_export):
    victim = saved_model_victim(keras_export, "both", "images", "logits")
    np.testing.assert_allclose(victim(X, None)["logits"], NETWORK(X), atol=1e-6)


@pytest.mark.parametrize(
    "scores",
    [
        lambda m, x: tf.stop_gradient(m.logits(x)),
        lambda m, x: tf.round(10 * m.logits(x)),
        lambda m, x: tf.cast(10 * m.logits(x), tf.int32),
        lambda m, x: tf.one_hot(tf.argmax(m.logits(x), axis=1), 3),
    ],
    ids=["stopped", "rounded", "integers", "decision"],
)
def test_without_gradients_square_works_all_the_same(scores, tmp_path):
    victim = saved_model_victim(_saved(tmp_path / "m", scores, IMAGES))
    assert not _gradients(victim) and victim.classes == 3
    logits = victim(tf.constant(X), seeds(6))["logits"]
    assert logits.dtype == tf.float32
    np.testing.assert_allclose(logits, scores(_Linear(), X), atol=1e-6)
    found = _attack(Square(Threat("Linf", 0.4), queries=60), victim)
    label, fooled = (np.argmax(NETWORK(x), axis=1) for x in (X, found))
    assert np.any(fooled != label)


def test_an_op_that_has_no_gradient_is_no_error(tmp_path):
    def stretched(m, x):
        return m.logits(tf.image.adjust_contrast(x, 2.0))

    with pytest.raises(LookupError), tf.GradientTape() as tape:
        x = tf.constant(X)
        tape.watch(x)
        tape.gradient(stretched(_Linear(), x), x)
    victim = saved_model_victim(_saved(tmp_path / "m", stretched, IMAGES))
    assert not _gradients(victim)
    mean = X.mean(axis=(1, 2), keepdims=True)
    expected = NETWORK(mean + 2 * (X - mean))
    np.testing.assert_allclose(victim(X, None)["logits"], expected, atol=1e-5)


def test_open_sizes_other_floats_and_flags(tmp_path):
    def pooled(m, x, training):
        mean = tf.reduce_mean(x, axis=(1, 2))[:, :1]
        return tf.where(training, np.float16(np.nan), mean * tf.constant([1, 2], tf.float16))

    path = _saved(
        tmp_path / "m",
        pooled,
        tf.TensorSpec((None, None, None, 3), tf.float16, name="images"),
        tf.TensorSpec((), tf.bool, name="training"),
    )
    victim = saved_model_victim(path, input_name="images")
    assert (victim.image_shape, victim.classes) == ((None, None, 3), 2)
    grey = np.full((2, 5, 7, 3), 0.5, np.float32)
    np.testing.assert_array_equal(victim(grey, None)["logits"], [[0.5, 1.0]] * 2)


def _sentence(*arguments, **options) -> str:
    with pytest.raises(InputError) as error:
        saved_model_victim(*arguments, **options)
    return str(error.value)


def test_an_unknown_name_is_told_what_there_is(keras_export):
    path = keras_export
    assert _sentence(path, "predict") == (
        f"{path} has no signature predict; expected one of both, serve, serving_default."
    )
    assert _sentence(path, input_name="x") == (
        f"Signature serving_default of {path}: input_name=x is unknown; expected one of images."
    )
    assert _sentence(path, "both", output_name="y") == (
        f"Signature both of {path}: output_name=y is unknown; expected one of label, logits."
    )


def test_of_several_outputs_logits_are_meant(keras_export):
    logits = saved_model_victim(keras_export, "both")(X, None)["logits"]
    np.testing.assert_allclose(logits, NETWORK(X), atol=1e-5)


def test_what_is_squeezed_comes_with_the_logits(tmp_path):
    def squeezed(m, x):
        z = m.logits(x)
        return {"logits": tf.tanh(z), "before_squeeze": z}

    victim = saved_model_victim(_saved(tmp_path / "m", squeezed, IMAGES))
    outputs = victim(X, None)
    np.testing.assert_allclose(outputs["logits"], np.tanh(outputs["before_squeeze"]), atol=1e-6)
    findings = check(victim, X, np.zeros(len(X), np.int64), seed=0)
    assert findings.bounded and findings.before_squeeze


def test_several_inputs_need_a_name_and_may_be_flags_only(tmp_path):
    other = tf.TensorSpec((None, 2, 2, 1), tf.float32, name="other")
    path = _saved(tmp_path / "m", lambda m, x, y: m.logits(x + y), IMAGES, other)
    what = f"Signature serving_default of {path}: input"
    assert _sentence(path) == f"{what}_name=None is unknown; expected one of images, other."
    assert _sentence(path, input_name="images") == (
        f"{what} other, float32 of shape (None, 2, 2, 1), has nothing to go into it; expected no "
        f"input beside images but flags."
    )


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((None, 4), tf.float32),
        ((None, 2, 2, 1), tf.uint8),
        ((1, 2, 2, 1), tf.float32),
        ((None, 1, 2, 2), tf.float32),
    ],
)
def test_other_than_float_images_of_any_number_are_refused(shape, dtype, tmp_path):
    path = _saved(
        tmp_path / "m",
        lambda m, x: m.logits(tf.cast(x, tf.float32)),
        tf.TensorSpec(shape, dtype, name="images"),
    )
    assert _sentence(path) == (
        f"Signature serving_default of {path}: input images is {dtype.name} of shape {shape}; "
        f"expected floats of shape (None, height, width, channels)."
    )


def test_an_output_must_be_a_number_a_class(tmp_path):
    path = _saved(tmp_path / "m", lambda m, x: tf.argmax(m.logits(x), axis=1), IMAGES)
    assert _sentence(path) == (
        f"Signature serving_default of {path}: output output_0 has shape (1,) for one image; "
        f"expected (1, classes), two classes or more."
    )


def test_what_is_no_saved_model_is_told(tmp_path):
    assert _sentence(tmp_path) == (
        f"{tmp_path} is no SavedModel; expected a directory that holds saved_model.pb."
    )
    (tmp_path / "saved_model.pb").write_bytes(b"not a protocol buffer")
    assert _sentence(tmp_path) == (
        f"{tmp_path} cannot be loaded; expected what TensorFlow {tf.__version__} reads."
    )


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
