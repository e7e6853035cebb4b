"""Whether bytes are whole JPEG or PNG images of a size that can be afforded.

MAX_PIXELS bounds a file, the files of a request and those of a call of the model.
"""

import struct
from collections.abc import Sequence

import tensorflow as tf

from robust_tf.encoded_images import JPEG, MAX_PIXELS, PNG
from robust_tf.errors import InputError


def refuse_broken(files: Sequence[bytes], owner: str) -> None:
    """Raises unless all files can be decoded.

    An image is decoded here and again in the model: a file that is cut short must fail before it
    joins a batch, and only decoding tells.

    Args:
      files: the bytes of each.
      owner: how the sentence begins.
    """
    # Before any is decoded, which may take a second each.
    sizes = [_affordable(content, f"{owner}, row {row},") for row, content in enumerate(files)]
    if sum(sizes) > MAX_PIXELS:
        raise InputError(
            f"{owner} has {sum(sizes):,} pixels in all; expected at most {MAX_PIXELS:,} a request."
        )
    for row, content in enumerate(files):
        try:
            # As robust_tf.data.decode, which the exports contain.
            with tf.device("CPU"):
                tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")
        except tf.errors.OpError:
            raise _broken(f"{owner}, row {row},") from None


def pixels(files: Sequence[bytes]) -> int:
    """How many pixels files have, all together, that are not broken."""
    return sum(height * width for height, width in map(_size, files))


def _affordable(content: bytes, owner: str) -> int:
    """A file's pixels by its header, or raises."""
    try:
        height, width = _size(content)
    except (tf.errors.OpError, struct.error):
        raise _broken(owner) from None
    if height * width > MAX_PIXELS:
        raise InputError(f"{owner} has {height} x {width} pixels; expected at most {MAX_PIXELS:,}.")
    return height * width


def _broken(owner: str) -> InputError:
    return InputError(f"{owner} cannot be decoded; expected a whole JPEG or PNG file.")


def _size(content: bytes) -> tuple[int, int]:
    """Height and width as the file's header has them, nothing decoded."""
    if content.startswith(PNG):
        width, height = struct.unpack_from(">II", content, len(PNG) + 8)
        return height, width
    if content.startswith(JPEG):
        with tf.device("CPU"):
            height, width, _ = tf.image.extract_jpeg_shape(content).numpy()
        return int(height), int(width)
    raise struct.error
