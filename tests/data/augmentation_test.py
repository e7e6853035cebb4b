"""Augmentation: what it draws, and which data set gets what."""

import numpy as np
import pytest

from robust_tf.data.augmentation import OF_DATASET, augmentation
from robust_tf.data.examples import ArrayImages, Examples
from robust_tf.data.sources import SOURCES
from robust_tf.errors import InputError

IMAGE = np.arange(1, 1 + 8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)

EXAMPLES = Examples("cifar10", "train", "a", ArrayImages(IMAGE[None], "toy"), [0], IMAGE.shape)


def outcomes(name, draws=400):
    change = augmentation(name, "cifar10")
    return [change(EXAMPLES, 0, np.random.default_rng([0, 0, index])) for index in range(draws)]


def test_every_data_set_has_a_row():
    assert OF_DATASET.keys() == SOURCES.keys()
    for dataset in SOURCES:
        augmentation("auto", dataset)


def test_flip_mirrors_half_of_the_images():
    mirrored = [np.array_equal(image, IMAGE[:, ::-1]) for image in outcomes("flip")]
    same = [np.array_equal(image, IMAGE) for image in outcomes("flip")]
    assert all(np.logical_xor(mirrored, same))
    assert 160 < sum(mirrored) < 240


def test_crop_takes_every_window_of_the_padded_image():
    padded = np.pad(IMAGE, ((4, 4), (4, 4), (0, 0)))
    windows = {padded[y : y + 8, x : x + 8].tobytes() for y in range(9) for x in range(9)}
    seen = {image.tobytes() for image in outcomes("crop", 1500)}
    assert seen == windows


def test_crop_flip_does_both():
    images = outcomes("crop_flip")
    assert all(image.shape == IMAGE.shape for image in images)
    assert len({image.tobytes() for image in images}) > 81  # more than crops alone can give


def test_auto_reads_the_table():
    assert augmentation("auto", "digits") is None
    assert augmentation("auto", "svhn") is augmentation("crop_flip", "digits")
    assert augmentation("auto", "cifar100") is augmentation("crop_flip", "digits")
    assert augmentation("none", "cifar10") is None


def test_unknown_name():
    with pytest.raises(InputError, match="--augment=flop is unknown; did you mean flip?"):
        augmentation("flop", "cifar10")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
