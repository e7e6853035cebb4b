"""What the client is told: one frozen record, whose values are checked as it is made."""

import dataclasses
import math
import urllib.parse

from robust_tf.errors import InputError, unknown

FORMATS = ("table", "jsonl")
_SCHEMES = ("", "http", "https", "grpc")


@dataclasses.dataclass(frozen=True)
class QueryOptions:
    """What is asked, of which server, and how the answers are shown.

    Attributes:
      images: files, folders and URLs.
      server: HOST:PORT or a URL for REST, grpc://HOST:PORT for gRPC.
      model: the name under which the server has the model.
      signature: one that takes image files.
      version: of the model; None for the server's choice, the newest.
      label: that a version has been given, such as stable; None likewise.
      batch: the most images of a request.
      deadline: the seconds of a whole request, or of a download, retries included.
      retries: how often a request that may pass is sent again.
      top: how many classes of each image are shown.
      class_names: a file with one name a line; None shows the classes' numbers.
      format: table or jsonl.
    """

    images: tuple[str, ...]
    server: str = "localhost:8501"
    model: str = ""
    signature: str = "encoded"
    version: int | None = None
    label: str | None = None
    batch: int = 32
    deadline: float = 60.0
    retries: int = 5
    top: int = 3
    class_names: str | None = None
    format: str = "table"

    def __post_init__(self):
        if not self.images:
            raise InputError("There is nothing to send; expected image files, folders or URLs.")
        if not self.model:
            raise InputError("--model is missing; expected the name under which it is served.")
        for name, least in (("batch", 1), ("top", 1), ("retries", 0), ("version", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"--{name}={value}; expected at least {least}.")
        if self.label == "":
            raise InputError("--label is empty; expected one of the model's, such as stable.")
        if self.label is not None and self.version is not None:
            raise InputError(
                f"--label={self.label} and --version={self.version} both name a version; "
                "expected one of them."
            )
        if not 0 < self.deadline < math.inf:
            raise InputError(f"--deadline={self.deadline:g}; expected seconds, more than 0.")
        if self.format not in FORMATS:
            raise unknown("--format", self.format, FORMATS)
        self._refuse_server()

    @property
    def speaks_grpc(self) -> bool:
        """Whether the server is asked over gRPC."""
        return self._parts[0] == "grpc"

    @property
    def address(self) -> str:
        """HOST:PORT of gRPC, or the URL before /v1/models of REST."""
        scheme, rest = self._parts
        return rest if self.speaks_grpc else f"{scheme or 'http'}://{rest}"

    @property
    def _parts(self) -> tuple[str, str]:
        """The scheme, empty where there is none, and what stands behind it."""
        scheme, _, rest = self.server.rpartition("://")
        return scheme.lower(), rest.rstrip("/")

    def _refuse_server(self) -> None:
        """Raises unless the server can be an address."""
        scheme, rest = self._parts
        is_url = scheme in ("http", "https")
        try:
            parts = urllib.parse.urlsplit(f"//{rest}")
            named = parts.hostname and (parts.port or is_url)
        except ValueError:
            named = False
        if not named or scheme not in _SCHEMES or parts.query or (parts.path and not is_url):
            raise InputError(
                f"--server={self.server} is no address; expected such as localhost:8501, "
                "https://example.org or grpc://localhost:8500."
            )
