"""load: its options, and the sentences for options and labels that cannot be used."""

import numpy as np
import pytest

from robust_tf.data.sources import load
from robust_tf.errors import InputError


def test_examples_takes_the_first_of_the_official_order():
    whole, part = load("digits", "test"), load("digits", "test", examples=3)
    assert part.indices.tolist() == [0, 1, 2]
    assert part.labels.tolist() == whole.labels[:3].tolist()
    assert len(load("digits", "test", examples=5000)) == 360


def test_size_and_channels():
    grey, colour = load("digits", "train"), load("digits", "train", channels=3, image_size=16)
    assert colour.image_shape == (16, 16, 3)
    image = colour.image(0)
    assert image.shape == (16, 16, 3)
    assert (image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all()
    assert image.mean() == pytest.approx(grey.image(0).mean(), abs=1)
    assert load("fake", "test", channels=1).image(0).shape == (32, 32, 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": "cifra10"}, "--dataset=cifra10 is unknown; did you mean cifar10?"),
        ({"split": "validation"}, "split=validation is unknown"),
        ({"image_size": 0}, "--image_size=0 is too small"),
        ({"channels": 2}, "--channels=2 cannot be had; expected 1 or 3"),
        ({"examples": 0}, "--examples=0 is too few"),
        ({"data_dir": "/no/such/folder"}, "--data_dir=/no/such/folder is no folder"),
    ],
)
def test_bad_options_are_named(arguments, sentence):
    with pytest.raises(InputError) as error:
        load(**{"name": "digits", "split": "test"} | arguments)
    assert sentence in str(error.value)


@pytest.mark.parametrize("wrong", [10, -1])
def test_labels_out_of_range_are_refused(tmp_path, wrong):
    images, labels = np.zeros((4, 32, 32, 3), np.uint8), np.array([0, 9, wrong, 3])
    np.savez(tmp_path / "cifar10.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    with pytest.raises(InputError) as error:
        load("cifar10", "test", data_dir=tmp_path)
    assert f"image 2 of {tmp_path / 'cifar10.npz'} has the label {wrong}" in str(error.value)
    assert "expected 0 to 9" in str(error.value)


def test_an_empty_set_is_refused(tmp_path):
    empty = {"x_test": np.zeros((0, 32, 32, 3), np.uint8), "y_test": np.zeros(0, np.int64)}
    np.savez(tmp_path / "cifar10.npz", **empty)
    with pytest.raises(InputError, match=r"cifar10 \(test\) has no images"):
        load("cifar10", "test", data_dir=tmp_path)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
