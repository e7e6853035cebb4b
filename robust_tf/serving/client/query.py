"""Images in, answers out: reading, batches, and what becomes of a batch that is refused."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from robust_tf.errors import InputError
from robust_tf.serving.client import images, signatures
from robust_tf.serving.client.answers import Answer, Answers, Failure, read_names
from robust_tf.serving.client.failures import NotFound, Refused, RequestFailed
from robust_tf.serving.client.options import QueryOptions
from robust_tf.serving.client.rest import Rest
from robust_tf.serving.client.retry import persist

# In base64 it is a third more, and the local server takes 16 MiB unless it is told otherwise.
_BATCH_BYTES = 8 * 2**20
_Found = TypeVar("_Found")


@dataclasses.dataclass(frozen=True)
class _Image:
    """An image as it was read, or why it was not."""

    file: str
    content: bytes = b""
    unread: str | None = None


class Query:
    """One signature of one server, asked about images.

    Args:
      options: what is asked of whom.

    Attributes:
      files: the images, those in folders one by one.
    """

    def __init__(self, options: QueryOptions):
        self._options = options
        self.files = images.expand(options.images)
        self._reader = images.Reader(options.retries, options.deadline)
        self._server = _server(options)
        try:
            listed = self._persist(self._server.signatures)
        except (NotFound, Refused) as error:
            # TensorFlow Serving refuses a label that it does not have, rather than not find it.
            raise InputError(f"--model={options.model} is not there: {error}") from None
        self._signature = signatures.choose(listed, options.signature)
        names = read_names(options.class_names, self._signature)
        self._answers = Answers(self._signature, options.top, names)

    def __enter__(self) -> "Query":
        return self

    def __exit__(self, *_) -> None:
        self._reader.close()
        self._server.close()

    def results(self) -> Iterator[Answer | Failure]:
        """One for each file, in their order."""
        for batch in _batches(map(self._read, self.files), self._options.batch):
            readable = [image for image in batch if image.unread is None]
            answered = iter(self._ask(readable) if readable else ())
            for image in batch:
                yield next(answered) if image.unread is None else Failure(image.file, image.unread)

    def _read(self, file: str) -> _Image:
        try:
            return _Image(file, self._reader.read(file))
        except RequestFailed as error:
            return _Image(file, unread=str(error))

    def _ask(self, batch: list[_Image]) -> list[Answer | Failure]:
        """The answers of one request; of one for each image, if one of several is refused."""
        contents = [image.content for image in batch]
        try:
            outputs = self._persist(
                lambda seconds: self._server.predict(self._signature, contents, seconds)
            )
            return self._answers.read([image.file for image in batch], outputs)
        except Refused as error:
            if len(batch) > 1:
                return [result for image in batch for result in self._ask([image])]
            return [Failure(batch[0].file, str(error))]
        except RequestFailed as error:
            return [Failure(image.file, str(error)) for image in batch]

    def _persist(self, ask: Callable[[float], _Found]) -> _Found:
        return persist(ask, self._options.retries, self._options.deadline)


def _server(options: QueryOptions):
    """The server in the protocol that its address asks for."""
    if not options.speaks_grpc:
        return Rest(options)
    # REST works without gRPC, whose messages take a moment to import.
    from robust_tf.serving.client.rpc import Rpc

    return Rpc(options)


def _batches(read: Iterable[_Image], most: int) -> Iterator[list[_Image]]:
    """Images in groups for one request each; those that were not read keep their place."""
    batch, size = [], 0
    for image in read:
        if batch and (len(batch) == most or size + len(image.content) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(image)
        size += len(image.content)
    if batch:
        yield batch
