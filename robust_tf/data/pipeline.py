"""Examples as tf.data of (image float32 in [0, 1], label int32, index int32) batches.

    for training:    training_dataset(train, batch_size=64, seed=0), endless
    while training:  validation_dataset(held_out, 64), full batches, the padding has index -1
    for judging:     evaluation_dataset(test, 64), every image once, the last batch smaller

What goes wrong while one is read is found again by failures.raise_from_stream.
"""

import itertools
import weakref
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from robust_tf.data.corrupt import CorruptLog
from robust_tf.data.decode import ImageShape, decode_and_resize, resize
from robust_tf.data.examples import CorruptImage, Examples
from robust_tf.data.failures import kept
from robust_tf.data.stream import Datapoint, TrainingStream, check_share, flow

_PREFETCHED_BATCHES = 2
_PADDING_INDEX = -1

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


def training_dataset(
    examples: Examples,
    *,
    batch_size: int,
    seed: int,
    start: int = 0,
    shard: tuple[int, int] = (0, 1),
    replicas: int = 1,
    augment: str = "auto",
    processes: int | None = None,
) -> tf.data.Dataset:
    """One worker's share of the endless training stream, a replica's share of a batch at a time.

    Call it in the main thread: the processes that read end with the thread that started them.

    Args:
      examples: what is trained on.
      batch_size: of all workers together; each batch here has batch_size / (workers * replicas).
      seed: of the order and of the augmentation.
      start: how many (global) batches are already done.
      shard: (worker, number of workers).
      replicas: of this worker; their shares of a global batch follow each other.
      augment: see augmentation.augmentation.
      processes: how many read and augment; 0 does it in this process, None chooses.
    """
    share = check_share(batch_size, shard, replicas)
    stream = TrainingStream(
        examples,
        batch_size=batch_size,
        seed=seed,
        start=start,
        shard=shard,
        augment=augment,
        processes=processes,
    )
    stream.reset_state()

    def batches() -> Iterator[Batch]:
        datapoints = iter(stream)
        while True:
            yield _stacked(list(itertools.islice(datapoints, share)))

    dataset = _dataset(batches, (share, *examples.image_shape), tf.uint8)
    # A strategy that knows that no batch is missing or smaller keeps the static batch dimension.
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
    # TensorFlow keeps every generator for ever: without this the processes would outlive their use.
    weakref.finalize(dataset, stream.close)
    return dataset


def evaluation_dataset(examples: Examples, batch_size: int, start: int = 0) -> tf.data.Dataset:
    """Every readable image once, in order; batches with corrupt images and the last are smaller.

    Args:
      examples: what is judged.
      batch_size: of a full batch; batch b has the images at b * batch_size and on.
      start: how many batches are already done.
    """

    def batches() -> Iterator[Batch]:
        corrupt = CorruptLog(examples)
        for first in range(start * batch_size, len(examples), batch_size):
            part = examples.subset(range(first, min(first + batch_size, len(examples))))
            datapoints = list(flow(part, corrupt, _reader(examples)))
            if datapoints:
                yield _stacked(datapoints)

    return _dataset(batches, (None, *examples.image_shape), _dtype(examples))


def validation_dataset(
    examples: Examples, batch_size: int, shard: tuple[int, int] = (0, 1), replicas: int = 1
) -> tf.data.Dataset:
    """Every readable image once, in full batches, as many for each worker.

    So workers stay in step. What is missing at the end, or is corrupt, is filled with copies that
    have index -1: give them no weight.

    Args:
      examples: what is judged.
      batch_size: of all workers together; each batch here has batch_size / (workers * replicas).
      shard: (worker, number of workers).
      replicas: of this worker; their shares of a global batch follow each other.
    """
    share = check_share(batch_size, shard, replicas)
    offset = shard[0] * replicas * share

    def batches() -> Iterator[Batch]:
        corrupt = CorruptLog(examples)
        for batch, replica in itertools.product(
            range(validation_batches(examples, batch_size)), range(replicas)
        ):
            first = batch * batch_size + offset + replica * share
            part = examples.subset(range(first, min(first + share, len(examples))))
            datapoints = list(flow(part, corrupt, _reader(examples)))
            yield _stacked(_padded(datapoints, share, examples))

    return _dataset(batches, (share, *examples.image_shape), _dtype(examples))


def validation_batches(examples: Examples, batch_size: int) -> int:
    """How many global batches a validation_dataset has (each worker takes `replicas` for one)."""
    return -(-len(examples) // batch_size)


def _dataset(
    batches: Callable[[], Iterator[Batch]], shape: tuple[int | None, ...], dtype: tf.DType
) -> tf.data.Dataset:
    signature = (
        tf.TensorSpec(shape, dtype),
        tf.TensorSpec(shape[:1], tf.int32),
        tf.TensorSpec(shape[:1], tf.int32),
    )
    dataset = tf.data.Dataset.from_generator(kept(batches), output_signature=signature)
    return dataset.map(_unit_range).prefetch(_PREFETCHED_BATCHES)


def _unit_range(
    image: tf.Tensor, label: tf.Tensor, index: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    if image.dtype == tf.uint8:
        image = tf.cast(image, tf.float32) / 255.0
    return image, label, index


def _stacked(datapoints: list[Datapoint]) -> Batch:
    images, labels, indices = zip(*datapoints, strict=True)
    return np.stack(images), np.array(labels, np.int32), np.array(indices, np.int32)


def _padded(datapoints: list[Datapoint], count: int, examples: Examples) -> list[Datapoint]:
    black = np.zeros(examples.image_shape, _dtype(examples).as_numpy_dtype)
    copies = itertools.cycle(datapoints or [[black, 0, _PADDING_INDEX]])
    missing = itertools.islice(copies, count - len(datapoints))
    return datapoints + [[image, label, _PADDING_INDEX] for image, label, _ in missing]


def _dtype(examples: Examples) -> tf.DType:
    return tf.uint8 if examples.ready else tf.float32


def _reader(examples: Examples) -> Callable[[Examples, int], np.ndarray]:
    """How an image is read to be judged: by the operations that an export decodes with."""
    return Examples.image if examples.ready else _decoded_as_exported


def _decoded_as_exported(examples: Examples, position: int) -> np.ndarray:
    raw = examples.raw(position)
    with tf.device("CPU:0"):
        try:
            return _to_unit_range(raw, examples.image_shape, examples.crop).numpy()
        except tf.errors.InvalidArgumentError as error:
            raise CorruptImage(f"{examples.describe(position)}: {error.message}") from error


def _to_unit_range(raw: bytes | np.ndarray, shape: ImageShape, crop: str) -> tf.Tensor:
    if isinstance(raw, bytes):
        return decode_and_resize(tf.constant(raw), shape, crop)
    return resize(tf.constant(raw, tf.float32) / 255.0, shape, crop)
