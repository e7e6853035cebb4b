"""The signatures of an export: each way to decide, for each form that images come in.

    add_signatures(archive, (32, 32, 3), {BARE: bare(network), "defended": fresh(defended)})

A decision is a function from images to outputs by name, logits among them. `pixels` are uint8,
`image_bytes` JPEG or PNG files.
"""

import dataclasses
from collections.abc import Callable

import keras
import tensorflow as tf

from robust_tf.data.decode import decode_and_resize
from robust_tf.data.headers import affordable_together
from robust_tf.defenses import ActiveDefense
from robust_tf.victim import Victim

Decide = Callable[[tf.Tensor], dict[str, tf.Tensor]]
BARE = "serving_default"
DEFENDED = "defended"


@dataclasses.dataclass(frozen=True)
class Defended:
    """The defended decisions of an export.

    Attributes:
      defense: of the network that is exported.
      outer_loops: decisions whose softmaxes are averaged.
      seeded: also a signature that takes the seeds: whoever chooses them chooses the noise, so it
        is for tests and not for the public.
    """

    defense: ActiveDefense
    outer_loops: int = 1
    seeded: bool = False

    @property
    def most_steps(self) -> int:
        """That one image can take."""
        return self.defense.cap * self.outer_loops


def bare(network: keras.Model) -> Decide:
    """The network as it is."""
    return lambda images: {"logits": network(images, training=False)}


def fresh(victim: Victim) -> Decide:
    """A random victim that draws anew for each image of each request."""

    def decide(images: tf.Tensor) -> dict[str, tf.Tensor]:
        # Not tf.random.uniform: after tf.random.set_seed its noise would be known to attackers.
        least, most = tf.int32.limits
        shape = tf.stack([tf.shape(images)[0], 2])
        seeds = tf.raw_ops.RandomUniformInt(shape=shape, minval=least, maxval=most)
        return victim(images, seeds)

    return decide


def add_signatures(
    archive: keras.export.ExportArchive,
    image_shape: tuple[int, int, int],
    decisions: dict[str, Decide],
    crop: str = "none",
) -> dict[str, tf.TensorSpec]:
    """Adds NAME, pixels_NAME and encoded_NAME for each decision; of BARE, pixels and encoded.

    Args:
      archive: what they are added to.
      image_shape: height, width and channels that the network takes.
      decisions: by name.
      crop: how files are brought to that shape, one of data.decode.CROPS.

    Returns the only input of each, by the signature's name.
    """
    inputs = {}

    def add(name: str, decide: Decide, spec: tf.TensorSpec) -> Decide:
        inputs[name] = spec
        return archive.add_endpoint(name, decide, [spec])

    batch = (None, *image_shape)
    for name, decide in decisions.items():
        # The other two call this function, so that the network is traced and written once.
        answer = add(name, _answer(decide), tf.TensorSpec(batch, tf.float32, "images"))
        suffix = "" if name == BARE else f"_{name}"
        pixels, encoded = _of_pixels(answer), _of_files(answer, image_shape, crop)
        add(f"pixels{suffix}", pixels, tf.TensorSpec(batch, tf.uint8, "pixels"))
        add(f"encoded{suffix}", encoded, tf.TensorSpec((None,), tf.string, "image_bytes"))
    return inputs


def add_seeded(
    archive: keras.export.ExportArchive,
    image_shape: tuple[int, int, int],
    name: str,
    victim: Victim,
) -> None:
    """Adds NAME_seeded, whose caller gives each image's pair of seeds, and with it the noise."""
    archive.add_endpoint(
        f"{name}_seeded",
        lambda images, seeds: _answer(lambda x: victim(x, seeds))(images),
        [
            tf.TensorSpec((None, *image_shape), tf.float32, "images"),
            tf.TensorSpec((None, 2), tf.int32, "seeds"),
        ],
    )


def _answer(decide: Decide) -> Decide:
    """Classes and probabilities beside the logits, in float32."""

    def answer(images: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = decide(images)
        logits = tf.cast(outputs["logits"], tf.float32)
        return {
            **outputs,
            "classes": tf.argmax(logits, axis=-1),
            "probabilities": tf.nn.softmax(logits),
            "logits": logits,
        }

    return answer


def _of_pixels(answer: Decide) -> Decide:
    return lambda pixels: answer(tf.cast(pixels, tf.float32) / 255.0)


def _of_files(answer: Decide, image_shape: tuple[int, int, int], crop: str) -> Decide:
    def answer_files(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        images = tf.map_fn(
            lambda encoded: decode_and_resize(encoded, image_shape, crop),
            affordable_together(image_bytes),
            fn_output_signature=tf.TensorSpec(image_shape, tf.float32),
        )
        return answer(images)

    return answer_files
