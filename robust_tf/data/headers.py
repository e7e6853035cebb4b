"""What an image file's header says, read by TensorFlow operations before anything is decoded.

A file of a kilobyte can announce any number of pixels. In an export nothing else looks at a file
before it is decoded.
"""

import tensorflow as tf

from robust_tf.encoded_images import JPEG, MAX_PIXELS, PNG

# Behind a PNG file's signature: the first chunk's length and name, then width and height.
_SIZE_AT, _SIZE_BYTES = len(PNG) + 8, 8
_EXPECTED = f"expected at most {MAX_PIXELS:,} pixels."
_MOST_SIDE = 2**31 - 1  # of a PNG


def affordable(encoded: tf.Tensor) -> tf.Tensor:
    """The same bytes; InvalidArgument unless they begin as a JPEG or PNG that is not too large.

    Args:
      encoded: scalar string tensor with the file's bytes.
    """
    height, width = _size(encoded)
    sentence = tf.strings.format(f"An image has {{}} x {{}} pixels; {_EXPECTED}", (height, width))
    return _only_if(height * width <= MAX_PIXELS, sentence, encoded)


def affordable_together(files: tf.Tensor) -> tf.Tensor:
    """The same files; InvalidArgument where they are too large together, as several are decoded
    at a time.

    Args:
      files: string tensor (batch,) with the bytes of each.
    """

    def count(encoded: tf.Tensor) -> tf.Tensor:
        # No more of any one, so that their sum is a number whatever headers say.
        return tf.minimum(tf.math.multiply(*_size(encoded)), MAX_PIXELS + 1)

    pixels = tf.reduce_sum(tf.map_fn(count, files, fn_output_signature=tf.int64))
    sentence = f"The images of a request are too large together; {_EXPECTED}"
    return _only_if(pixels <= MAX_PIXELS, sentence, files)


def _size(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Height and width, int64."""
    is_png = _begins(encoded, PNG)
    known = is_png | _begins(encoded, JPEG)
    encoded = _only_if(known, "A file is neither JPEG nor PNG; expected one of them.", encoded)
    return tf.cond(is_png, lambda: _png_size(encoded), lambda: _jpeg_size(encoded))


def _begins(encoded: tf.Tensor, signature: bytes) -> tf.Tensor:
    return tf.strings.substr(encoded, 0, len(signature)) == signature


def _png_size(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    # Bytes that a file cut short does not have are zeros: what is wrong with it, decoding tells.
    padded = tf.strings.substr(encoded, 0, _SIZE_AT + _SIZE_BYTES) + bytes(_SIZE_AT + _SIZE_BYTES)
    digits = tf.io.decode_raw(tf.strings.substr(padded, _SIZE_AT, _SIZE_BYTES), tf.uint8)
    # By hand, as 32 bits without a sign are no type of decode_raw.
    places = tf.constant([2**24, 2**16, 2**8, 1], tf.int64)
    sides = tf.linalg.matvec(tf.cast(tf.reshape(digits, (2, 4)), tf.int64), places)
    width, height = tf.unstack(tf.minimum(sides, _MOST_SIDE))
    return height, width


def _jpeg_size(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    height, width, _ = tf.unstack(tf.cast(tf.image.extract_jpeg_shape(encoded), tf.int64))
    return height, width


def _only_if(right: tf.Tensor, sentence: str | tf.Tensor, encoded: tf.Tensor) -> tf.Tensor:
    """The bytes, once that is right; else an error that says the sentence."""
    # tf.debugging.Assert says it in many more words where there is no graph.
    with tf.control_dependencies([tf.raw_ops.Assert(condition=right, data=[sentence])]):
        return tf.identity(encoded)
