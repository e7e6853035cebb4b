"""Which image files are decoded, wherever that is: in evaluation, in an export, in a server."""

# What a file begins with.
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
# Of one image. Decoded to float32, these are half a gigabyte, however few bytes they come in.
MAX_PIXELS = 40_000_000
