"""ImageNet's centre crop: OpenCV's cubic interpolation, by OpenCV and by TensorFlow."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from robust_tf.data import cubic
from robust_tf.data.decode import resize, to_pixels


def noise(height, width, channels=3):
    """The hardest image to interpolate: every pixel differs from its neighbours."""
    return np.random.default_rng([height, width]).integers(
        0, 256, (height, width, channels), np.uint8
    )


def test_weights_by_hand():
    row = np.array([0.0, 0.2, 0.8, 0.4, 0.0], np.float32)
    image = np.tile(row[None, :, None], (6, 1, 1))
    # Shortest edge 5 becomes 10; new pixel k lies at k/2 - 1/4: its neighbours' weights are those
    # of the distance 1/4 or 3/4.
    a = -0.75
    near, far = ((a + 2) * 0.25 - (a + 3)) * 0.0625 + 1, ((a + 2) * 0.75 - (a + 3)) * 0.5625 + 1
    beyond = [a * (d**3 - 5 * d**2 + 8 * d - 4) for d in (1.25, 1.75)]
    assert sum([near, far, *beyond]) == pytest.approx(1)
    # Edge 10 is that of a crop of 9, which begins at int((10 - 9) / 2) = 0; pixel 4 lies at 1.75.
    assert cubic.edge_for(9, 9) == 10
    expected = beyond[1] * row[0] + far * row[1] + near * row[2] + beyond[0] * row[3]
    # At 1.75 pixel 2 is near (0.25), 1 far (0.75), 3 at 1.25 and 0 at 1.75.
    assert cubic.centre(image, 9, 9).numpy()[4, 4, 0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("size", [(375, 500), (500, 333), (299, 299), (100, 90), (40, 700), (3, 2)])
def test_tensorflow_is_opencv_to_a_level(size):
    pixels = noise(*size)
    ours = 255 * cubic.centre(tf.constant(pixels / 255, tf.float32), 224, 224).numpy()
    scale = 256 / min(size)
    height, width = (int(scale * side + 0.5) for side in size)
    whole = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC)
    top, left = int((height - 224) * 0.5), int((width - 224) * 0.5)
    theirs = whole[top : top + 224, left : left + 224]
    assert np.abs(ours - theirs).max() <= 1
    np.testing.assert_array_equal(to_pixels(pixels, (224, 224, 3), "center"), theirs)


@pytest.mark.parametrize("size", [(299, 299), (375, 500), (100, 90), (3, 2)])
def test_the_whole_image_is_opencvs_to_a_level(size):
    pixels = noise(*size)
    theirs = cv2.resize(pixels, (224, 192), interpolation=cv2.INTER_CUBIC)
    ours = 255 * resize(pixels.astype(np.float32) / 255, (192, 224, 3), "whole").numpy()
    assert np.abs(ours - theirs).max() <= 1
    np.testing.assert_array_equal(to_pixels(pixels, (192, 224, 3), "whole"), theirs)


def test_an_image_of_the_shortest_edge_is_only_cropped():
    pixels = noise(256, 300)
    ours = resize(pixels.astype(np.float32) / 255, (224, 224, 3), "center").numpy()
    np.testing.assert_allclose(255 * ours, pixels[16:240, 38:262], atol=1e-4)


def test_batches_grey_and_other_sizes():
    assert [cubic.edge_for(s, s) for s in (224, 299, 112, 64)] == [256, 342, 128, 73]
    pixels = noise(50, 70)
    one = resize(pixels.astype(np.float32) / 255, (32, 32, 1), "center")
    batch = resize(np.stack([pixels, pixels]).astype(np.float32) / 255, (32, 32, 1), "center")
    np.testing.assert_allclose(batch, [one, one], atol=1e-6)
    grey = to_pixels(pixels, (32, 32, 1), "center")
    assert grey.shape == (32, 32, 1) and np.abs(255 * one.numpy() - grey).max() <= 1
    raised = to_pixels(noise(50, 70, 1), (32, 32, 3), "center")
    assert raised.shape == (32, 32, 3) and (raised[..., :1] == raised).all()


def test_what_overshoots_is_clipped():
    step = np.zeros((40, 40, 1), np.float32)
    step[:, 20:] = 1
    values = resize(step, (224, 224, 1), "center").numpy()
    assert values.min() == 0 and values.max() == 1


def test_a_very_long_image_takes_no_memory():
    # Its shortest edge, 1, becomes 256, and the other 10 million: only the crop is ever made.
    long = tf.ones((1, 40_000, 1))
    assert cubic.centre(long, 224, 224).shape == (224, 224, 1)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
