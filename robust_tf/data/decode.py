"""From encoded or raw pixels to images of one shape.

`decode_and_resize` and `resize` are TensorFlow operations: evaluation reads with them and an export
contains them, so both see the same numbers. `to_pixels` does the same with OpenCV, rounded to whole
levels, for the processes that feed training: TensorFlow may not run in a forked process. The two
agree to one level of 255 (CMYK files, which OpenCV only approximates, to two).
"""

import cv2
import numpy as np
import tensorflow as tf

from robust_tf.data import cubic, headers
from robust_tf.encoded_images import JPEG, PNG

# What is brought to the wanted shape: the whole image, bilinearly; or its centre or all of it as
# cubic.py says.
CROPS = ("none", "center", "whole")
_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, as JPEG and OpenCV

ImageShape = tuple[int, int, int]


class DecodeError(ValueError):
    """The bytes are no whole JPEG or PNG image."""


def decode_and_resize(encoded: tf.Tensor, image_shape: ImageShape, crop: str = "none") -> tf.Tensor:
    """The JPEG or PNG image in a string tensor, as float32 in [0, 1] of the wanted shape.

    Args:
      encoded: scalar string tensor with the file's bytes.
      image_shape: height, width and channels (1 or 3).
      crop: one of CROPS.
    """
    # INTEGER_ACCURATE equals OpenCV and Pillow to the bit; despite its name the op reads PNG too.
    # CMYK files can only be decoded to three channels.
    encoded = headers.affordable(encoded)
    pixels = tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")
    return resize(tf.cast(pixels, tf.float32) / 255.0, image_shape, crop)


def resize(images: tf.Tensor, image_shape: ImageShape, crop: str = "none") -> tf.Tensor:
    """Images in [0, 1] of any size, one or a batch, brought to the wanted shape.

    Args:
      images: float32 HWC or NHWC with 1 or 3 channels; one channel is repeated to three, three
        become their luminance, where image_shape wants it.
      image_shape: height, width and channels (1 or 3).
      crop: one of CROPS.
    """
    if crop != "none":
        resized = (cubic.centre if crop == "center" else cubic.whole)(images, *image_shape[:2])
    else:
        resized = tf.image.resize(images, image_shape[:2], method="bilinear", antialias=False)
    if resized.shape[-1] == image_shape[2]:
        return resized
    if image_shape[2] == 3:
        return tf.image.grayscale_to_rgb(resized)
    return tf.reduce_sum(resized * tf.constant(_LUMINANCE), axis=-1, keepdims=True)


def in_words(height: int, width: int, crop: str) -> str:
    """What `resize` does, for a model card."""
    if crop == "none":
        return f"resized bilinearly to {height} x {width}"
    if crop == "whole":
        return f"resized cubically to {height} x {width}"
    return (
        f"resized cubically to a shortest edge of {cubic.edge_for(height, width)}, of which the "
        f"centre, {height} x {width}, is taken"
    )


def to_pixels(raw: bytes | np.ndarray, image_shape: ImageShape, crop: str = "none") -> np.ndarray:
    """Encoded bytes or a uint8 HWC array as a uint8 array of the wanted shape, by OpenCV.

    Args:
      raw: the bytes of a JPEG or PNG file, or pixels with 1 or 3 channels.
      image_shape: height, width and channels (1 or 3).
      crop: one of CROPS.

    Raises:
      DecodeError: where the bytes are no whole JPEG or PNG image.
    """
    pixels = decoded(raw)
    height, width, channels = image_shape
    if crop != "none":
        cubically = cubic.centre_pixels if crop == "center" else cubic.cubic
        return to_channels(cubically(pixels, height, width), channels)
    if pixels.shape == tuple(image_shape):
        return pixels
    # In float32, so that there is one rounding, at the end.
    values = cv2.resize(pixels.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    values = values.reshape(height, width, pixels.shape[2])
    return to_channels(values, channels)


def decoded(raw: bytes | np.ndarray) -> np.ndarray:
    """Encoded bytes, or pixels as they are, as a uint8 HWC array in its own size.

    Raises:
      DecodeError: where the bytes are no whole JPEG or PNG image.
    """
    return _decode(raw) if isinstance(raw, bytes) else raw


def to_channels(values: np.ndarray, channels: int) -> np.ndarray:
    """An HWC array of levels as uint8 with 1 or 3 channels: repeated, or their luminance."""
    if channels < values.shape[2]:
        values = values.astype(np.float32) @ np.array(_LUMINANCE, np.float32)[:, None]
    if values.dtype != np.uint8:
        values = np.rint(values).astype(np.uint8)
    if channels == values.shape[2]:
        return values  # np.repeat takes longer than all the rest of an augmentation
    return np.repeat(values, channels // values.shape[2], axis=2)


def is_whole(encoded: bytes) -> bool:
    """Whether the bytes begin as a JPEG or PNG file and are not cut short."""
    if encoded.startswith(JPEG):
        # The last scan must be followed by the end-of-image marker: neither can occur inside one.
        end = encoded.rfind(b"\xff\xd9")
        scan = b"\xff\xda"
        return end > 0 and encoded.find(scan, 0, end) > 0 and encoded.find(scan, end) < 0
    return encoded.startswith(PNG) and b"IEND" in encoded


def _decode(encoded: bytes) -> np.ndarray:
    # OpenCV fills what is missing of a file with grey, where TensorFlow refuses the file.
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = None
    if is_whole(encoded):
        pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags)
    if pixels is None:
        raise DecodeError("no whole JPEG or PNG image")
    return pixels
