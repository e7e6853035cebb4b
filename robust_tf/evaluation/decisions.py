"""Decides images, and says what several decisions of a random judge come to.

    decided = decide("pgd-20", victim, x_adv, label, None, seeds, decisions=5)
    share = over_decisions(decided)["right"]

A defence that draws noise decides the same image one way now and another way then. So what counts
of an image is the share of its decisions that are right, and what counts of several attacks, whose
decisions are independent, is the product of their shares.
"""

import math
import zlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from robust_tf import draws
from robust_tf.victim import Victim, right

# What a defence says of each image that it decides.
DEFENCE = ("steps", "converged", "induced")
# What a result keeps of it.
KEPT_OF_A_DEFENCE = ("steps", "longest", "converged", "induced")


def decide(
    name: str,
    victim: Victim,
    x: tf.Tensor,
    label: tf.Tensor,
    goal: tf.Tensor | None,
    seeds: tf.Tensor,
    decisions: int,
) -> dict[str, tf.Tensor]:
    """A row an image and a column a decision: right, hit and what a defence says of itself.

    Args:
      name: of the attack; a random victim's decisions on another one's images are independent.
      victim: what decides.
      x: the images.
      label: their classes.
      goal: the classes that were aimed at; None is any other than the label.
      seeds: of the images. An attack has not seen the noise that is made of them here.
      decisions: how many.
    """

    # A graph of its own, so that the first decision and the others share one trace.
    @tf.function(autograph=False)
    def once(seeds):
        outputs = victim(x, seeds)
        is_right = right(outputs, label)
        hit = ~is_right if goal is None else right(outputs, goal)
        said = {part: outputs[part] for part in DEFENCE if part in outputs}
        return {"right": is_right, "hit": hit, **said}

    own = draws.fold(draws.fold(seeds, -1), zlib.crc32(name.encode()) & 0x7FFFFFFF)
    first = once(draws.fold(own, 0))
    if decisions == 1:
        return tf.nest.map_structure(lambda t: t[:, None], first)
    rest = tf.map_fn(
        lambda d: once(draws.fold(own, d)),
        tf.range(1, decisions),
        fn_output_signature=tf.nest.map_structure(tf.TensorSpec.from_tensor, first),
        parallel_iterations=1,
    )
    return tf.nest.map_structure(
        lambda one, more: tf.concat([one[:, None], tf.transpose(more)], axis=1), first, rest
    )


def over_decisions(decided: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the columns come to: of a single one that itself, of several their mean.

    Of a defence's steps, longest is the most of them in any decision.
    """
    found = {
        part: values[:, 0] if values.shape[1] == 1 else values.mean(axis=1)
        for part, values in decided.items()
    }
    if "steps" in decided:
        found["longest"] = decided["steps"].max(axis=1)
    return found


def right_each_time(share: Sequence[float], decisions: int, times: int) -> float:
    """The share of images that are right each of so many times, without bias.

    Args:
      share: of each image's decisions, those that were right.
      decisions: how many there were of an image.
      times: no more than these.
    """
    counts = np.rint(np.asarray(share, float) * decisions).astype(int)
    # Of all ways to choose so many of the decisions, those that choose right ones alone.
    ways = [math.comb(count, times) for count in range(decisions + 1)]
    return float(np.mean(np.array(ways)[counts] / ways[-1]))


def under_the_worst(shares: Sequence[np.ndarray], decisions: int) -> np.ndarray:
    """By image, the share that is right under the attack that is worst for it.

    The smallest of several shares is small by luck, too. So each decision is scored under the
    attack that the other decisions say is the worst.

    Args:
      shares: by attack, those of each image's decisions that were right.
      decisions: how many there were of an image.
    """
    if not shares:
        return np.ones(())
    counts = np.rint(np.asarray(shares, float) * decisions).astype(int)[..., None]
    # In which decisions an attack's luck lay says nothing: any order of them will do.
    right = np.random.default_rng(0).permuted(np.arange(decisions) < counts, axis=-1)
    worst = np.argmin(counts - right, axis=0)
    return np.take_along_axis(right, worst[None], axis=0)[0].mean(axis=-1)


def standard_error(shares: Sequence[tuple[np.ndarray, int]]) -> float | None:
    """What the decisions' noise leaves uncertain in the mean of a product of shares.

    Args:
      shares: by image, and how many decisions each is of. None comes of single decisions.
    """
    if any(decisions == 1 for _, decisions in shares):
        return None
    square, squares = 1.0, 1.0
    for share, decisions in shares:
        share = np.asarray(share, float)
        square = square * share**2
        # Two different decisions are right: what p^2 is on average.
        squares = squares * share * (share * decisions - 1) / (decisions - 1)
    variance = square - squares
    return float(np.sqrt(np.sum(variance)) / len(variance))
