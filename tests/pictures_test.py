"""Tests of robust_tf.pictures: the picture of an attack, and the event file it goes to."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from robust_tf import pictures
from robust_tf.methods import METHODS
from tests import training

RED, GREEN = (214, 39, 40), (44, 160, 44)


def _height(picture: np.ndarray, color, tolerance: int = 1) -> float:
    """Where a color lies, from 0 at the top to 1; it fails where there is (nearly) none."""
    near = np.all(np.abs(picture.astype(int) - color) <= tolerance, axis=-1)
    assert near.sum() > 5, f"no {color} in the picture"
    return float(np.mean(np.nonzero(near)[0])) / len(picture)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_grid_shows_image_perturbation_and_attacked_image(channels):
    x = np.full((5, 8, 8, channels), 0.2, np.float32)
    x_adv = x.copy()
    x_adv[:, :4] += 0.04
    x_adv[:, 4:] -= 0.08
    label, names = np.zeros(5, int), ("zero", "one")
    picture = pictures.attack_grid(x, x_adv, label, label, names)
    assert picture.shape == (400, 600, 3) and picture.dtype == np.uint8
    # 0.5 + 0.5 * 0.04 / 0.08 above and 0.5 - 0.5 below: the amplified perturbation.
    image, above, below, lighter, darker = (
        _height(picture, [round(255 * value)] * 3, tolerance=2)
        for value in (0.2, 0.75, 0.0, 0.24, 0.12)
    )
    assert 0 < image < 1 / 3 < above < below < 2 / 3 < lighter < darker < 1


def test_the_grid_marks_what_is_wrong_in_red_and_right_in_green():
    x, label = np.full((2, 8, 8, 1), 0.5, np.float32), np.array([0, 1])
    names = ("zero", "one")
    right, wrong, mixed = (
        pictures.attack_grid(x, x, label, np.array(said), names)
        for said in ([0, 1], [1, 0], [0, 0])
    )
    for picture, color in ((right, GREEN), (mixed, GREEN), (wrong, RED), (mixed, RED)):
        assert 0.5 < _height(picture, color, tolerance=40) < 1
    for picture, color in ((right, RED), (wrong, GREEN)):
        with pytest.raises(AssertionError):
            _height(picture, color, tolerance=40)


def test_each_epochs_grid_can_be_read_back_from_the_event_file(tmp_path):
    method, names = training.method(), ("zero", "one")
    grid = pictures.ImageGrid(tmp_path, training.BATCH, names)
    grid.set_model(method)
    grid.on_train_begin()
    expected = []
    for epoch in (0, 1):
        x, label, _ = (part.numpy() for part in training.BATCH)
        x_adv = method.attacked_for_validation(*training.BATCH).numpy()
        predicted = np.argmax(method.network(x_adv), axis=-1)
        expected.append(pictures.attack_grid(x, x_adv, label, predicted, names))
        grid.on_epoch_end(epoch)
        for variable in method.trainable_variables:
            variable.assign(-variable)
    assert np.any(expected[0] != expected[1])
    events = EventAccumulator(str(tmp_path)).Reload().Tensors("image, perturbation, attacked")
    assert [event.step for event in events] == [0, 1]
    for event, picture in zip(events, expected, strict=True):
        width, height, png = event.tensor_proto.string_val
        np.testing.assert_array_equal(tf.io.decode_png(png), picture)
        assert (int(height), int(width)) == picture.shape[:2]


def test_what_the_network_restores_is_a_fourth_row(tmp_path):
    images = keras.Input((2, 2, 1))
    restored = keras.layers.Rescaling(0.5, name="restored")(images)
    logits = keras.layers.Dense(2)(keras.layers.Flatten()(restored))
    method = METHODS["standard"](keras.Model(images, logits))
    grid = pictures.ImageGrid(tmp_path, training.BATCH, ("zero", "one"))
    grid.set_model(method)
    grid.on_train_begin()
    grid.on_epoch_end(0)
    name = "image, perturbation, attacked, restored"
    (event,) = EventAccumulator(str(tmp_path)).Reload().Tensors(name)
    x, label, _ = (part.numpy() for part in training.BATCH)
    predicted = np.argmax(method.network(x), axis=-1)
    names = ("zero", "one")
    picture = pictures.attack_grid(x, x, label, predicted, names, restored=0.5 * x)
    np.testing.assert_array_equal(tf.io.decode_png(event.tensor_proto.string_val[2]), picture)
    assert len(picture) > len(pictures.attack_grid(x, x, label, predicted, names))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
