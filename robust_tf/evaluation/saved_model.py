"""Anyone's SavedModel as a victim: one of its signatures, from images to logits.

    victim = saved_model_victim("exports/theirs", output_name="logits")
    logits = victim(x, seed)["logits"]

Whether it has gradients is for evaluation.sanity to find out.
"""

import dataclasses
import os
from collections.abc import Callable, Collection
from typing import Any

import tensorflow as tf

from robust_tf.errors import InputError

# Of the image that gradients are looked for with, where the signature leaves them open.
ANY_SIDE, ANY_CHANNELS = 32, 3


@dataclasses.dataclass(frozen=True)
class SavedModelVictim:
    """A signature, called as `victim(x, seed)`.

    Attributes:
      image_shape: height, width and channels; None for each that the signature leaves open.
      classes: how many logits it gives.
      function: from images to its outputs: "logits" and, where the signature has it,
        "before_squeeze".
      model: what holds the function's variables.
    """

    image_shape: tuple[int | None, int | None, int | None]
    classes: int
    function: Callable[[tf.Tensor], dict[str, tf.Tensor]] = dataclasses.field(repr=False)
    model: Any = dataclasses.field(repr=False)

    def __call__(self, x: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """Its outputs."""
        del seed  # A SavedModel takes none.
        shape = (None, self.classes)
        return {name: tf.ensure_shape(z, shape) for name, z in self.function(x).items()}


def saved_model_victim(
    path: str | os.PathLike[str],
    signature: str = "serving_default",
    input_name: str | None = None,
    output_name: str | None = None,
) -> SavedModelVictim:
    """Loads a SavedModel.

    Args:
      path: its directory.
      signature: which of its signatures.
      input_name: the signature's input that images in [0, 1] go into, where it has several; its
        others must be flags such as `training`, which are False.
      output_name: the signature's output that is attacked, where it has several and none of them
        is called logits.
    """
    model = _load(path)
    if signature not in model.signatures:
        raise InputError(
            f"{path} has no signature {signature}; expected {_one_of(model.signatures)}."
        )
    call = model.signatures[signature]
    what = f"Signature {signature} of {path}"
    inputs, outputs = call.structured_input_signature[1], call.structured_outputs
    input_name = _chosen(input_name, inputs, f"{what}: input_name")
    if output_name is None and "logits" in outputs:
        output_name = "logits"
    output_name = _chosen(output_name, outputs, f"{what}: output_name")
    images, flags = inputs[input_name], _flags(inputs, input_name, what)
    shape = _image_shape(images, f"{what}: input {input_name}")

    taken = {"logits": output_name}
    if "before_squeeze" in outputs:
        taken["before_squeeze"] = "before_squeeze"

    def function(x: tf.Tensor) -> dict[str, tf.Tensor]:
        given = call(**{input_name: tf.cast(x, images.dtype)}, **flags)
        found = {name: given[source] for name, source in taken.items()}
        return {
            name: z if z.dtype.is_floating else tf.cast(z, tf.float32) for name, z in found.items()
        }

    x = tf.random.stateless_uniform(
        (1, *(n or ANY_SIDE for n in shape[:2]), shape[2] or ANY_CHANNELS), (0, 0)
    )
    classes = _classes(function, x, f"{what}: output {output_name}")
    return SavedModelVictim(shape, classes, function, model)


def _load(path: str | os.PathLike[str]) -> Any:
    if not tf.saved_model.contains_saved_model(path):
        raise InputError(
            f"{path} is no SavedModel; expected a directory that holds saved_model.pb."
        )
    try:
        return tf.saved_model.load(path)
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise InputError(
            f"{path} cannot be loaded; expected what TensorFlow {tf.__version__} reads."
        ) from error


def _one_of(names: Collection[str]) -> str:
    return f"one of {', '.join(sorted(names))}" if names else "at least one, and it offers none"


def _chosen(name: str | None, offered: Collection[str], what: str) -> str:
    """The name, or the only one that is offered."""
    if name is None and len(offered) == 1:
        return next(iter(offered))
    if name not in offered:
        raise InputError(f"{what}={name} is unknown; expected {_one_of(offered)}.")
    return name


def _flags(inputs: dict[str, tf.TensorSpec], images: str, what: str) -> dict[str, tf.Tensor]:
    """False for every other input than the images."""
    others = {name: spec for name, spec in inputs.items() if name != images}
    for name, spec in others.items():
        if spec.dtype != tf.bool or spec.shape.rank != 0:
            raise InputError(
                f"{what}: input {name}, {_described(spec)}, has nothing to go into it; expected no "
                f"input beside {images} but flags."
            )
    return {name: tf.constant(False) for name in others}


def _described(spec: tf.TensorSpec) -> str:
    return f"{spec.dtype.name} of shape {spec.shape}"


def _image_shape(spec: tf.TensorSpec, what: str) -> tuple[int | None, int | None, int | None]:
    """Height, width and channels."""
    shape = spec.shape.as_list() if spec.shape.rank is not None else [None] * 4
    images = spec.dtype.is_floating and len(shape) == 4 and shape[0] is None
    # Channels first: what would be rows are as few as colours.
    if not images or (shape[1] in (1, 3) and shape[3] not in (1, 3, None)):
        raise InputError(
            f"{what} is {_described(spec)}; expected floats of shape (None, height, width, "
            f"channels)."
        )
    return tuple(shape[1:])


def _classes(function: Callable, x: tf.Tensor, what: str) -> int:
    """How many numbers it gives an image."""
    try:
        shape = function(x)["logits"].shape
    except (tf.errors.OpError, ValueError) as error:
        raise InputError(f"{what} fails on one image of shape {tuple(x.shape)}.") from error
    if shape.rank != 2 or shape[1] < 2:
        raise InputError(
            f"{what} has shape {tuple(shape)} for one image; expected (1, classes), two classes or "
            f"more."
        )
    return shape[1]
