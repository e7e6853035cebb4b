"""Whether bytes are a whole JPEG or PNG image of a size that can be afforded."""

import struct

import tensorflow as tf

from robust_tf.errors import InputError

MAX_PIXELS = 40_000_000
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


def refuse_broken(content: bytes, owner: str) -> None:
    """Raises unless the bytes can be decoded.

    The image is decoded here and again in the model: a file that is cut short must fail before it
    joins a batch, and only decoding tells.

    Args:
      content: the file's bytes.
      owner: how the sentence begins.
    """
    broken = InputError(f"{owner} cannot be decoded; expected a whole JPEG or PNG file.")
    try:
        height, width = _size(content)
        if height * width > MAX_PIXELS:
            raise InputError(
                f"{owner} has {height} x {width} pixels; expected at most {MAX_PIXELS:,}."
            )
        # As robust_tf.data.decode, which the exports contain.
        with tf.device("CPU"):
            tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")
    except (tf.errors.OpError, struct.error):
        raise broken from None


def _size(content: bytes) -> tuple[int, int]:
    """Height and width as the file's header has them, nothing decoded."""
    if content.startswith(_PNG):
        width, height = struct.unpack_from(">II", content, len(_PNG) + 8)
        return height, width
    if content.startswith(_JPEG):
        with tf.device("CPU"):
            height, width, _ = tf.image.extract_jpeg_shape(content).numpy()
        return int(height), int(width)
    raise struct.error
