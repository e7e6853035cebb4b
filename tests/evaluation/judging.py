"""What the tests of an evaluation share: a network, images and attacks that are judged by hand."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from robust_tf.attacks import PGD
from robust_tf.evaluation.judge import Judge
from robust_tf.evaluation.run import Evaluation
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.linear import linear_network, random_images

THREAT = Threat("Linf", 0.125)
ABOUT = {"model": "runs/one", "dataset": "points"}

# Class 1 where the only pixel is above 1/2; class 2 never.
POINT_VICTIM = network_victim(
    linear_network([[0.0, 8.0, 0.0]], [0.0, -4.0, -50.0], shape=(1, 1, 1))
)
POINTS = np.array([0.125, 0.4375, 0.5625, 0.9375, 0.25, 0.75], np.float32).reshape(6, 1, 1, 1)
POINT_LABELS = np.array([0, 0, 1, 1, 1, 1])

# Thirty images of three classes, of which an attack turns some.
VICTIM = network_victim(linear_network(np.random.default_rng(8).normal(size=(4, 3))))
IMAGES = random_images(30, seed=9)
LABELS = np.argmax(VICTIM(IMAGES, None)["logits"], axis=-1)
LABELS[::7] = 0


@dataclasses.dataclass(frozen=True)
class Shift(PGD):
    """An attack that adds the same to every pixel, allowed or not."""

    shift: float = 0.0

    def __call__(self, victim, x, label, seeds):
        return x + self.shift


def batches(x, label, size: int, seen: list[int] | None = None):
    """What an evaluation reads; `seen` notes how many images it was asked for."""

    def chosen(indices: Sequence[int]) -> tf.data.Dataset:
        if seen is not None:
            seen.append(len(indices))
        index = np.array(indices, np.int32)
        return tf.data.Dataset.from_tensor_slices((x[index], label[index], index)).batch(size)

    return chosen


class Interrupted:
    """Batches that Ctrl-C ends after some."""

    def __init__(self, rest, count: int):
        self.rest, self.left = rest, count

    def __call__(self, indices: Sequence[int]) -> "Interrupted":
        self.batches = self.rest(indices)
        self.element_spec = self.batches.element_spec
        return self

    def __iter__(self):
        for batch in self.batches:
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            yield batch


def evaluated(
    victim, rest, count: int, attacks: dict, output: pathlib.Path, *, threat=THREAT, seed=0, **more
) -> dict:
    """The result of the first images."""
    of_the_judge = {field.name for field in dataclasses.fields(Judge)} & more.keys()
    judge = Judge(victim, threat, seed, **{name: more.pop(name) for name in of_the_judge})
    options = {"output": output, "about": ABOUT, **more}
    return Evaluation(judge, rest, range(count), **options).run(attacks)


def judge_points(attacks: dict, output: pathlib.Path, **options) -> dict:
    """The result of the six points."""
    rest = batches(POINTS, POINT_LABELS, 4)
    return evaluated(POINT_VICTIM, rest, 6, attacks, output, **options)


def judge_images(
    rest, output: pathlib.Path, *, steps: int = 3, seed: int = 0, epsilon: float = 0.125, **more
) -> dict:
    """The result of the thirty images under two attacks with random starts."""
    threat = Threat("Linf", epsilon)
    attacks = {
        "pgd": PGD(threat, steps=steps),
        "restarts": PGD(threat, steps=1, restarts=2, clean_start=0.5),
    }
    return evaluated(VICTIM, rest, 30, attacks, output, threat=threat, seed=seed, **more)


def timeless(result: dict) -> dict:
    """A result, or a part of one, without what the clock said."""
    return {
        key: timeless(value) if isinstance(value, dict) else value
        for key, value in result.items()
        if key != "seconds"
    }
