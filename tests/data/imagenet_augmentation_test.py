"""ImageNet's augmentation: which parts it takes, what it does to colours, what it draws from."""

import itertools

import cv2
import numpy as np
import pytest

from robust_tf.data.augmentation import augmentation
from robust_tf.data.cubic import cubic
from robust_tf.data.examples import ArrayImages, Examples
from robust_tf.data.imagenet_augmentation import changed, colours, random_window
from robust_tf.data.stream import TrainingStream

SHAPE = (24, 24, 3)


def rng(*key):
    return np.random.default_rng([7, *key])


def image(height=60, width=80):
    """Colours far from black and white, so that no change of them is clipped."""
    return rng(1).integers(100, 130, (height, width, 3), np.uint8)


def test_parts_have_the_area_and_the_aspect():
    windows = [random_window(600, 800, rng(k)) for k in range(3000)]
    shares = np.array([h * w / 480_000 for _, _, h, w in windows])
    aspects = np.array([w / h for *_, h, w in windows])
    assert 0.079 < shares.min() < 0.1 and 0.9 < shares.max() <= 1
    assert 0.74 < aspects.min() < 0.77 and 1.3 < aspects.max() < 1.34
    # Width and height are swapped in half of the draws: wide and tall parts are as frequent (large
    # tall ones do not fit into a wide image).
    small = shares < 0.5
    assert 0.45 < (aspects[small] > 1).mean() < 0.55
    # A part may lie anywhere that it fits, the borders included.
    for top, left, h, w in windows:
        assert 0 <= top <= 600 - h and 0 <= left <= 800 - w
    assert min(top for top, *_ in windows) == 0
    places = [left / (800 - w) for _, left, _, w in windows if w < 780]
    assert np.quantile(places, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.04)


def test_where_no_part_fits_it_is_the_centre():
    # A share of 8 % of 10 x 1000 at aspect 4/3 is 33 pixels wide and 24 high.
    assert random_window(10, 1000, rng(0)) is None
    long = np.full((10, 1000, 3), 120, np.uint8)
    long[:, 480:520] = 110
    values = changed(long, SHAPE, rng(0)).astype(int)
    # 10 becomes 24: the middle 10 pixels, which all have one colour.
    assert values.shape == SHAPE and np.ptp(values, axis=(0, 1)).max() == 0


def test_colours_are_the_four_changes_one_after_the_other():
    pixels = image().astype(float)
    orders = set()
    for key in range(200):
        matrix = colours(pixels.mean((0, 1)), rng(key))
        again = rng(key)
        names = list(ORDERS[int(again.random() * 24)])
        orders.add(tuple(names))
        x = pixels
        for name in names:
            x = STEPS[name](x, again)
        ours = pixels @ matrix[:, :3].T + matrix[:, 3]
        np.testing.assert_allclose(ours, x, atol=1e-9)
    assert len(orders) == 24


def factor(generator):
    return 0.6 + 0.8 * generator.random()


def brightness(x, generator):
    return x * factor(generator)


def contrast(x, generator):
    mean, f = x.mean((0, 1)), factor(generator)
    return x * f + mean * (1 - f)


def saturation(x, generator):
    f = factor(generator)
    grey = (x @ [0.299, 0.587, 0.114])[..., None]
    return x * f + grey * (1 - f)


def lighting(x, generator):
    a = generator.normal(0, 0.1, 3) * [0.2175, 0.0188, 0.0045] * 255
    red = -0.5675 * a[0] + 0.7192 * a[1] + 0.4009 * a[2]
    green = -0.5808 * a[0] - 0.0045 * a[1] - 0.8140 * a[2]
    blue = -0.5836 * a[0] - 0.6948 * a[1] + 0.4203 * a[2]
    return x + [red, green, blue]


STEPS = {f.__name__: f for f in (brightness, contrast, saturation, lighting)}
ORDERS = [
    (a, b, c, d)
    for a in STEPS
    for b in STEPS
    for c in STEPS
    for d in STEPS
    if len({a, b, c, d}) == 4
]


def test_the_whole_of_it_is_the_part_its_colours_and_a_mirror():
    mirrored = []
    for key in range(60):
        pixels = image()
        again = rng(key)
        top, left, h, w = random_window(60, 80, again)
        part = cubic(pixels[top : top + h, left : left + w], 24, 24)
        matrix = colours(cv2.mean(part)[:3], again)
        expected = part @ matrix[:, :3].T + matrix[:, 3]
        flip = again.random() < 0.5
        mirrored.append(flip)
        expected = np.clip(expected[:, ::-1] if flip else expected, 0, 255)
        # Rounded once, and OpenCV's own arithmetic is of ten bits.
        assert np.abs(changed(pixels, SHAPE, rng(key)) - expected).max() <= 1
    assert 15 < sum(mirrored) < 45


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (2, 9), (300, 20)])
def test_every_size_and_grey(size, channels):
    pixels = rng(2).integers(0, 256, (*size, channels), np.uint8)
    for shape in (SHAPE, (24, 30, 1)):
        result = changed(pixels, shape, rng(3))
        assert result.shape == shape and result.dtype == np.uint8


def test_workers_and_resumed_runs_draw_the_same():
    pixels = np.stack([image() + np.uint8(k) for k in range(6)])
    toy = Examples("imagenet", "train", "a", ArrayImages(pixels, "toy"), [0] * 6, SHAPE)

    def read(count, **options):
        stream = TrainingStream(toy, batch_size=4, seed=2, processes=0, **options)
        return [found for found, *_ in itertools.islice(stream, count)]

    whole = read(24)  # four epochs
    np.testing.assert_array_equal(read(12, start=3), whole[12:])
    halves = [read(12, shard=(worker, 2)) for worker in range(2)]
    shared = [half[2 * batch + k] for batch in range(6) for half in halves for k in range(2)]
    np.testing.assert_array_equal(shared, whole)
    assert len({found.tobytes() for found in whole}) == 24  # each epoch draws anew


def test_it_is_offered_to_every_set_and_takes_the_decoded_image():
    wide = Examples("folder", "train", "a", ArrayImages(image()[None], "toy"), [0], SHAPE)
    change = augmentation("imagenet", "folder")
    np.testing.assert_array_equal(change(wide, 0, rng(5)), changed(image(), SHAPE, rng(5)))
    for name in ("imagenet", "nips2017"):
        assert augmentation("auto", name) is change
    assert augmentation("auto", "folder") is augmentation("flip", "folder")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
