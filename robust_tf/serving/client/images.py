"""The images that a user names: files, folders of them, URLs."""

import pathlib
from collections.abc import Sequence

import requests

from robust_tf.serving.client import http
from robust_tf.serving.client.failures import RequestFailed
from robust_tf.serving.client.retry import persist

SUFFIXES = (".jpg", ".jpeg", ".png")
# What TensorFlow and the local server take in one request, unless they are told otherwise.
MOST_BYTES = 16 * 2**20


def expand(names: Sequence[str]) -> list[str]:
    """The files and URLs in the order of the names, folders as the images in and below them.

    A folder without images stays: reading it says what is wrong.
    """
    return [each for name in names for each in (_below(name) or [name])]


class Reader:
    """Reads files and downloads URLs.

    Args:
      retries: how often a download that may pass is tried again.
      deadline: the seconds of a download, retries included.
    """

    def __init__(self, retries: int, deadline: float):
        self._retries, self._deadline = retries, deadline
        self._session = requests.Session()

    def read(self, name: str) -> bytes:
        """The bytes of a file or a URL; raises RequestFailed with a sentence."""
        return self._download(name) if is_url(name) else _read_file(pathlib.Path(name))

    def close(self) -> None:
        """Ends the connections."""
        self._session.close()

    def _download(self, url: str) -> bytes:
        def ask(seconds: float) -> bytes:
            return http.exchange(self._session, "GET", url, seconds=seconds, most=MOST_BYTES)

        return persist(ask, self._retries, self._deadline)


def is_url(name: str) -> bool:
    """Whether a name is to be downloaded."""
    return name.lower().startswith(("http://", "https://"))


def _below(name: str) -> list[str]:
    """The images in a folder and its folders, sorted; none where the name is of no folder."""
    found = () if is_url(name) else pathlib.Path(name).rglob("*")
    return [str(each) for each in sorted(found) if _is_image(each)]


def _is_image(path: pathlib.Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _read_file(path: pathlib.Path) -> bytes:
    try:
        if path.is_dir():
            raise RequestFailed(f"The folder holds no {', '.join(SUFFIXES)} file.")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise RequestFailed(f"The file cannot be read: {error.strerror}.") from None
    if len(content) > MOST_BYTES:
        raise RequestFailed(f"The file is larger than {MOST_BYTES:,} bytes; expected less.")
    return content
