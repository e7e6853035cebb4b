"""Decoding and resizing: TensorFlow's way (evaluation, export) and OpenCV's (training) agree."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from robust_tf.data.decode import DecodeError, decode_and_resize, resize, to_pixels


def smooth_image():
    rows, columns = np.mgrid[0:47, 0:61]
    waves = [np.sin(rows / 5), np.cos(columns / 7), np.sin((rows + columns) / 9)]
    return Image.fromarray(np.rint(127.5 * (1 + np.stack(waves, -1))).astype(np.uint8))


def encoded(mode="RGB", file_format="JPEG", **options):
    buffer = io.BytesIO()
    smooth_image().convert(mode).save(buffer, file_format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("shape", [(47, 61, 3), (20, 33, 3), (96, 96, 1)])
@pytest.mark.parametrize(
    ("data", "levels"),
    [
        (encoded("RGB"), 1),
        (encoded("RGB", progressive=True), 1),
        (encoded("L"), 1),
        (encoded("CMYK"), 2),
        (encoded("RGB", "PNG"), 1),
        (encoded("RGBA", "PNG"), 1),
        (encoded("P", "PNG"), 1),
        (encoded("L", "PNG"), 1),
    ],
    ids=["jpeg", "progressive", "grey", "cmyk", "png", "alpha", "palette", "grey png"],
)
def test_both_ways_agree(data, levels, shape):
    in_graph = decode_and_resize(data, shape).numpy()
    assert in_graph.shape == shape and in_graph.dtype == np.float32
    assert in_graph.min() >= 0 and in_graph.max() <= 1
    pixels = to_pixels(data, shape)
    assert pixels.shape == shape and pixels.dtype == np.uint8
    assert np.abs(255 * in_graph - pixels).max() <= levels


def test_png_is_read_as_it_was_written():
    expected = np.asarray(smooth_image())
    np.testing.assert_array_equal(to_pixels(encoded(file_format="PNG"), (47, 61, 3)), expected)
    in_graph = decode_and_resize(encoded(file_format="PNG"), (47, 61, 3))
    np.testing.assert_allclose(in_graph, expected / 255, atol=1e-6)


def test_resize_by_hand():
    # Half-pixel centres: two pixels stretched to four lie at 1/4, 3/4 between their centres.
    image = np.array([[[0.0], [1.0]]], np.float32)
    np.testing.assert_allclose(resize(image, (1, 4, 1)).numpy().ravel(), [0, 0.25, 0.75, 1])
    pixels = np.array([[[0], [200]]], np.uint8)
    np.testing.assert_array_equal(to_pixels(pixels, (1, 4, 1)).ravel(), [0, 50, 150, 200])


def test_channels_by_hand():
    colour = np.array([[[200, 100, 50]]], np.uint8)
    luminance = 0.299 * 200 + 0.587 * 100 + 0.114 * 50  # 124.2
    assert to_pixels(colour, (1, 1, 1)).item() == 124
    in_graph = resize(colour.astype(np.float32)[None] / 255, (1, 1, 1))
    assert in_graph.numpy().item() == pytest.approx(luminance / 255, abs=1e-6)
    grey = np.array([[[7]]], np.uint8)
    assert to_pixels(grey, (1, 1, 3)).tolist() == [[[7, 7, 7]]]
    assert resize(grey.astype(np.float32), (1, 1, 3)).numpy().tolist() == [[[7, 7, 7]]]


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
@pytest.mark.parametrize("kept", [0.1, 0.6, 0.99])
def test_cut_files_are_refused_as_tensorflow_refuses_them(file_format, kept):
    whole = encoded(file_format=file_format)
    cut = whole[: int(kept * len(whole))]
    with pytest.raises(DecodeError):
        to_pixels(cut, (8, 8, 3))
    with pytest.raises(Exception, match="(?i)invalid|jpeg|png"):
        decode_and_resize(cut, (8, 8, 3))


def test_other_files_are_refused():
    # TensorFlow's operation would read a GIF that has one picture.
    for content in (encoded("P", "GIF"), encoded(file_format="BMP"), b""):
        with pytest.raises(DecodeError, match="JPEG or PNG"):
            to_pixels(content, (8, 8, 3))
        with pytest.raises(tf.errors.InvalidArgumentError, match="neither JPEG nor PNG"):
            decode_and_resize(content, (8, 8, 3))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_a_header_with_too_many_pixels_is_refused_before_any_is_decoded(file_format):
    content, sides = encoded(file_format=file_format), {"JPEG": ">HH", "PNG": ">II"}[file_format]
    # What a PNG has as 32 bits, width and height, a JPEG has as 16, height and width.
    size = struct.pack(sides, *((61, 47) if file_format == "PNG" else (47, 61)))
    assert content.count(size) == 1

    def announcing(*pair: int) -> bytes:
        return content.replace(size, struct.pack(sides, *pair))

    with pytest.raises(tf.errors.InvalidArgumentError, match=r"5000 x 8001 pixels; expected at"):
        decode_and_resize(
            announcing(*sorted((5000, 8001), reverse=file_format == "PNG")), (8, 8, 3)
        )
    # As many as there may be: what is wrong with this one shows when it is decoded.
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"Invalid {file_format}"):
        decode_and_resize(announcing(5000, 8000)[:-400], (8, 8, 3))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
