"""What an evaluation attacks: a run's network, a .keras file, or anyone's SavedModel."""

import hashlib
import pathlib
from typing import NamedTuple

import keras
import tensorflow as tf

from robust_tf import networks
from robust_tf.data.examples import Examples
from robust_tf.errors import InputError
from robust_tf.evaluation.saved_model import saved_model_victim
from robust_tf.victim import Victim, network_victim

BEFORE_SQUEEZE, RESTORED = "before_squeeze", "restored"


class Subject(NamedTuple):
    """A model as an evaluation sees it.

    Attributes:
      path: where it lies.
      victim: what is attacked; it gives before_squeeze where it has a head with a Tanh, and what
        it restored where it restores.
      image_shape: height, width, channels; None for what the model leaves open.
      classes: how many.
      weights: a fingerprint of them.
      network: the Keras network; None of a SavedModel.
    """

    path: pathlib.Path
    victim: Victim
    image_shape: tuple[int | None, ...]
    classes: int
    weights: str
    network: keras.Model | None = None


def load(
    path: pathlib.Path, signature: str, input_name: str | None, output_name: str | None
) -> Subject:
    """The model at a path.

    Args:
      path: a run directory, a .keras file or a SavedModel.
      signature: of a SavedModel.
      input_name: of that signature; None where it has but one.
      output_name: the same; None also where one is called logits.
    """
    if tf.saved_model.contains_saved_model(path):
        model = saved_model_victim(path, signature, input_name, output_name)
        digest = hashlib.sha256()
        for file in (path / "saved_model.pb", *sorted((path / "variables").glob("*"))):
            digest.update(file.read_bytes())
        return Subject(path, model, model.image_shape, model.classes, digest.hexdigest()[:16])
    network = networks.load(path, dtype="float32")
    shapes = network.input_shape, network.output_shape
    if [len(shape) if isinstance(shape, tuple) else 0 for shape in shapes] != [4, 2]:
        raise InputError(
            f"--model={path} goes from {shapes[0]} to {shapes[1]}; expected one from images "
            "(batch, height, width, channels) to logits (batch, classes)."
        )
    tapped = [layer.name for layer in network.layers if layer.name in (BEFORE_SQUEEZE, RESTORED)]
    outputs = network_victim(networks.outputs(network, tapped))
    return Subject(
        path,
        lambda x, seed: {**outputs(x, seed), "images": x},
        network.input_shape[1:],
        network.output_shape[-1],
        networks.fingerprint(network),
        network,
    )


def stand_in(subject: Subject) -> Victim:
    """The model as the source of a transfer: what its head squeezes, where it does."""

    def victim(x: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = subject.victim(x, seed)
        return {"logits": outputs.get(BEFORE_SQUEEZE, outputs["logits"])}

    # What a result says of the source, and a stopped evaluation goes on with.
    victim.__name__ = f"{subject.path} ({subject.weights})"
    return victim


def check_fit(subject: Subject, examples: Examples) -> None:
    """A model of other images or classes than the data set's is the user's mistake."""
    given = (examples.image_shape, len(examples.class_names))
    sizes = zip(subject.image_shape, examples.image_shape, strict=True)
    if all(a is None or a == b for a, b in sizes) and subject.classes == given[1]:
        return
    raise InputError(
        f"--model={subject.path} takes images of {subject.image_shape} in {subject.classes} "
        f"classes, but --dataset={examples.name} has {given[0]} in {given[1]}; "
        "--image_size and --channels change the images."
    )
