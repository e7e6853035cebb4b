"""Image files, good and wrong, as requests of the signatures that take them."""

import functools
import io
import random
import struct
import zlib

import numpy as np
from PIL import Image

from server_trials.contents import FILES, Model, sent
from server_trials.messages import Request, mutated


def image_file(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """Pixels as a file."""
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, kind)
    return file.getvalue()


def cut_file(rng: random.Random, model: Model) -> Request:
    """An image that is cut short, perhaps behind whole ones."""
    content = _noise(rng.choice(("PNG", "JPEG")), rng.randrange(20, 90))
    content = content[: rng.randrange(len(content) * 3 // 4)]
    files = [*model.files[: rng.randrange(3)], content]
    return sent(rng, model, files, FILES, dtype=object)


def no_file(rng: random.Random, model: Model) -> Request:
    """No JPEG or PNG."""
    content = rng.choice((_noise("GIF"), _noise("BMP"), b"", rng.randbytes(rng.randrange(1, 999))))
    return sent(rng, model, [content], FILES, dtype=object)


def changed_file(rng: random.Random, model: Model) -> Request:
    """An image with other bytes in it."""
    content = mutated(_noise(rng.choice(("PNG", "JPEG"))), rng)
    return sent(rng, model, [content], FILES, dtype=object)


def bomb(rng: random.Random, model: Model) -> Request:
    """An image of 100 megapixels, in some kilobytes."""
    return sent(rng, model, [rng.choice((_png(10_000), _jpeg(10_000)))], FILES, dtype=object)


def large_files(rng: random.Random, model: Model) -> Request:
    """Images that are too large together."""
    return sent(rng, model, [_png(6000)] * rng.choice((2, 64)), FILES, dtype=object)


def large_file(rng: random.Random, model: Model) -> Request:
    """An image that is just not too large."""
    return sent(rng, model, [_png(6000)], FILES, dtype=object)


def _noise(kind: str, side: int = 40) -> bytes:
    """A file that no format makes small."""
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return image_file(pixels, kind)


@functools.cache
def _png(side: int) -> bytes:
    """A whole file with a black square of one bit a pixel."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes((side + 7) // 8 + 1) * side))
    return b"\x89PNG\r\n\x1a\n" + header + rows + chunk(b"IEND", b"")


@functools.cache
def _jpeg(side: int) -> bytes:
    """A small file whose header has another size."""
    content = _noise("JPEG")
    frame = content.index(b"\xff\xc0") + 5
    return content[:frame] + struct.pack(">HH", side, side) + content[frame + 4 :]
