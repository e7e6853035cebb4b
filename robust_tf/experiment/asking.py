"""Asks a model what image files show: what the commands of the competition have in common."""

import dataclasses
import hashlib
import json
import pathlib
import time
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from robust_tf import draws, plans, progress
from robust_tf.data.decode import ImageShape, in_words
from robust_tf.data.examples import Examples, FileImages
from robust_tf.data.pipeline import evaluation_dataset
from robust_tf.errors import InputError
from robust_tf.evaluation.cores import on_all_cores
from robust_tf.evaluation.state import State
from robust_tf.experiment import defending
from robust_tf.experiment.subject import Subject, load
from robust_tf.victim import Victim

# Of an image that cannot be read, or on which the model's answer is no number: the one before the
# first class, which no label is, wherever the classes are counted from.
NO_CLASS = -1


def subject(plan: plans.Predict | plans.Perturb | plans.Compete) -> Subject:
    """The model of a plan, with what it leaves open of its images filled in."""
    how = plan.asking
    found = load(plan.model, how.signature, how.input_name, how.output_name)
    height, width, channels = found.image_shape
    if None in (height, width) and how.image_size is None:
        raise InputError(
            f"--model={plan.model} takes images of any size; expected --image_size, which they "
            "are brought to."
        )
    shape = (height or how.image_size, width or how.image_size, channels or how.channels or 3)
    wanted = (how.image_size or shape[0], how.image_size or shape[1], how.channels or shape[2])
    if wanted != shape:
        raise InputError(
            f"--model={plan.model} takes images of {shape}; expected --image_size and --channels "
            "to say the same, or to be left out."
        )
    print(f"Each image is {in_words(*shape[:2], how.crop)} (--crop={how.crop}).", flush=True)
    return found._replace(image_shape=shape)


def fingerprint(paths: Sequence[pathlib.Path]) -> str:
    """Of files: other ones under the same names have another."""
    stats = ((path, path.stat()) for path in paths)
    said = repr([(str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats])
    return hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()[:16]


def seeds(paths: Sequence[pathlib.Path], seed: int) -> tf.Tensor:
    """A pair for each image, by its name: whatever else lies in the folder, its draws are these."""
    names = [path.name.encode(errors="surrogateescape") for path in paths]
    index = np.array([zlib.crc32(name) & 0x7FFFFFFF for name in names], np.int32)
    return draws.image_seeds(seed, 0, index)


def answers(
    plan: plans.Predict | plans.Compete, subject: Subject, output: pathlib.Path, images: Any
) -> "Answers":
    """Of a plan's model, behind the plan's defence.

    Args:
      plan: of the command.
      subject: its model.
      output: the file that the command writes.
      images: what tells the asked images from others.
    """
    settings = {
        "weights": subject.weights,
        "images": images,
        "defense": dataclasses.asdict(plan.defense),
    }
    decides = defending.decider(subject, plan.defense)
    return Answers(decides, subject.image_shape, plan.asking, output, settings)


class Answers:
    """What a model says of images, kept so that a stopped command goes on where it was.

    Args:
      decides: the model, behind its defence if it has one.
      image_shape: what images are brought to.
      plan: of the command.
      output: the file that the command writes.
      settings: what else the answers depend on.
    """

    def __init__(
        self,
        decides: Victim,
        image_shape: ImageShape,
        plan: plans.Asking,
        output: pathlib.Path,
        settings: dict,
    ):
        self._shape, self._plan = image_shape, plan

        @tf.function(
            input_signature=[
                tf.TensorSpec((None, *image_shape)),
                tf.TensorSpec((None, 2), tf.int32),
            ],
            autograph=False,
        )
        def graph(x, seeds):
            return {"class": classes(decides(x, seeds))}

        self._graph = on_all_cores(graph)
        # As they come back from a file: a tuple is a list there.
        settings = json.loads(json.dumps({**settings, "asking": dataclasses.asdict(plan)}))
        self.state = State(output, settings)

    def of(self, paths: Sequence[pathlib.Path], name: str) -> np.ndarray:
        """The class of each image, NO_CLASS of one that cannot be read.

        Args:
          paths: of the images.
          name: of the folder, for the line that shows how far it is.
        """
        try:
            self._ask(paths, name)
        finally:
            self.state.save(force=True)
        found, known = np.full(len(paths), NO_CLASS), self.state.of(name)
        found[known["index"]] = known.get("class", [])
        return found

    def seconds(self, name: str) -> float:
        """What asking about a folder has taken."""
        return self.state.of(name)["seconds"]

    def unread(self, paths: Sequence[pathlib.Path], name: str) -> list[str]:
        """The names of the images that could not be read."""
        read = set(self.state.of(name)["index"])
        return [path.name for i, path in enumerate(paths) if i not in read]

    def undecided(self, paths: Sequence[pathlib.Path], name: str) -> list[str]:
        """The names of the images that the model's answer to is no number."""
        known = self.state.of(name)
        pairs = zip(known["index"], known.get("class", []), strict=True)
        return [paths[i].name for i, found in pairs if found == NO_CLASS]

    def _ask(self, paths: Sequence[pathlib.Path], name: str) -> None:
        """Asks about the images that there is no answer to yet."""
        done = set(self.state.of(name)["index"])
        rest = [i for i in range(len(paths)) if i not in done]
        labels = np.zeros(len(paths), int)
        files, crop = FileImages(paths), self._plan.crop
        whole = Examples(name, "test", (), files, labels, self._shape, crop=crop)
        own, line, begun = seeds(paths, self._plan.seed), progress.Line(), time.monotonic()
        made = 0
        for x, _, index in evaluation_dataset(whole.subset(rest), self._plan.batch_size):
            started = time.monotonic()
            found = self._graph(x, tf.gather(own, index))
            answer = {"index": index.numpy().tolist(), "class": found["class"].tolist()}
            self.state.add({name: answer}, time.monotonic() - started)
            self.state.save()
            made += len(index)
            if line.due():
                left = (time.monotonic() - begun) / made * (len(rest) - made)
                so_far = f"{name}  {len(done) + made:,}/{len(paths):,} images"
                line.show(f"{so_far}  {progress.duration(left)} left")


def classes(outputs: dict[str, tf.Tensor]) -> tf.Tensor:
    """The likeliest class of each image; a NaN is no answer."""
    z = outputs["logits"]
    answered = tf.reduce_all(tf.math.is_finite(z), axis=-1)
    return tf.where(answered, tf.argmax(z, axis=-1, output_type=tf.int32), NO_CLASS)
