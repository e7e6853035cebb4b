"""What the server is told: one frozen record, whose values are checked as it is made."""

import dataclasses
import math
import pathlib

from robust_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class ServeOptions:
    """How a SavedModel is served.

    Attributes:
      model_dir: a folder of numbered versions, or one SavedModel.
      name: the model's name in URLs and requests; that of its folder where empty.
      host: the address to listen at.
      rest_port: the port of REST; 0 takes a free one.
      grpc_port: the port of gRPC; 0 takes a free one, None leaves gRPC off.
      max_batch: the most images of several requests that are joined to one call of the model.
      batch_timeout: how long the first of a batch waits for others, in milliseconds.
      max_body: the most bytes of a request.
      max_request_batch: the most images of a request.
      max_queued: the most images that wait for the model; requests beyond are refused.
      poll_seconds: how often the folder is searched for a newer version.
      grace_seconds: how long running requests may take after SIGTERM.
    """

    model_dir: str | pathlib.Path
    name: str = ""
    host: str = "127.0.0.1"
    rest_port: int = 8501
    grpc_port: int | None = 8500
    max_batch: int = 64
    batch_timeout: float = 2.0
    max_body: int = 16 * 2**20
    max_request_batch: int = 64
    max_queued: int = 1024
    poll_seconds: float = 5.0
    grace_seconds: float = 30.0

    def __post_init__(self):
        folder = pathlib.Path(self.model_dir)
        if not folder.is_dir():
            raise InputError(
                f"--model_dir={folder} is no folder; expected one of numbered versions, "
                "or a SavedModel."
            )
        if not self.model or any(character in self.model for character in "/:?#%"):
            raise InputError(
                f"--name={self.model} cannot stand in a URL; expected a name without / : ? # and %."
            )
        for name in ("rest_port", "grpc_port"):
            port = getattr(self, name)
            if port is not None and not 0 <= port <= 65535:
                raise InputError(f"--{name}={port} is no port; expected 0 to 65535.")
        for name in ("max_batch", "max_body", "max_request_batch", "max_queued"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name}={getattr(self, name)}; expected at least 1.")
        for name in ("batch_timeout", "grace_seconds"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"--{name}={getattr(self, name)}; expected 0 or more.")
        if not 0 < self.poll_seconds < math.inf:
            raise InputError(f"--poll_seconds={self.poll_seconds}; expected more than 0.")

    @property
    def model(self) -> str:
        """The model's name: the given one, or that of its folder, a version's number left out."""
        folder = pathlib.Path(self.model_dir).resolve()
        one_version = folder.name.isdecimal() and (folder / "saved_model.pb").exists()
        return self.name or (folder.parent if one_version else folder).name
