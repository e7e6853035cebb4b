"""One batch of an evaluation: attacked, judged, and checked to be within the threat model."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from robust_tf import draws
from robust_tf.attacks import Attack, Sweep, Unbounded
from robust_tf.attacks.aims import UNTARGETED, Aim
from robust_tf.attacks.choosing import choose
from robust_tf.evaluation.cores import on_all_cores
from robust_tf.threat import Threat
from robust_tf.victim import Victim, right

# Rounding of x + delta in float32, absolute for pixels up to 1 and relative for a norm's sum.
ROUNDING = 1e-6


class Judged(NamedTuple):
    """What became of each image of a batch."""

    x_adv: np.ndarray
    right: np.ndarray  # under the threat model
    hit: np.ndarray  # the class aimed at or, untargeted, another than the label
    distance: np.ndarray  # in the norm that the attack minimises
    least: np.ndarray  # of its pixels
    greatest: np.ndarray


class _Look(NamedTuple):
    """What the graph sees of each image."""

    x_adv: np.ndarray
    right: np.ndarray
    hit: np.ndarray
    own: np.ndarray  # distance in the norm that the attack minimises
    distance: np.ndarray  # in the threat model's
    least: np.ndarray
    greatest: np.ndarray


def aim_of(attack: Attack | Sweep) -> Aim:
    """What the attack wants; those that have no aim of their own are untargeted."""
    if isinstance(attack, Sweep):
        attack = next(iter(attack.attacks.values()))
    return getattr(attack, "aim", UNTARGETED)


def judge(
    attacks: dict[str, Attack],
    together: Attack | Sweep,
    victim: Victim,
    threat: Threat,
    *,
    seed: int,
    quantize: bool,
    signature,
) -> Callable[..., dict[str, Judged]]:
    """A graph that attacks and judges (image, label, index) batches.

    Args:
      attacks: what is judged, by its name: one, or those of a sweep.
      together: the call that makes the images of them all.
      victim: what is attacked, and what judges.
      threat: the threat model that is judged by.
      seed: of all random draws.
      quantize: images are put on the 8-bit grid before they are judged.
      signature: of a batch.
    """

    def step(x, label, index):
        seeds = draws.image_seeds(seed, 0, index)
        made = together(victim, x, label, seeds)
        made = made if isinstance(made, dict) else dict.fromkeys(attacks, made)
        if quantize:
            made = {
                name: _quantized(attacks[name], threat, x_adv, x) for name, x_adv in made.items()
            }
        return {
            name: _looked_at(attacks[name], victim, threat, x_adv, x, label, seeds)
            for name, x_adv in made.items()
        }

    # Traced at once: TensorFlow warns of functions that are traced in a loop, which attacks are.
    graph = tf.function(step, input_signature=signature, autograph=False).get_concrete_function()
    everywhere = on_all_cores(graph)

    def run(x, label, index) -> dict[str, Judged]:
        looks = everywhere(x, label, index).items()
        return {name: _judged(name, attacks[name], threat, seen) for name, seen in looks}

    return run


def _quantized(attack: Attack, threat: Threat, x_adv: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    if isinstance(attack, Unbounded):
        # What is too far away counts as not found, and is not to be drawn nearer.
        x_adv = choose(_too_far(threat.distance(x_adv, x), threat), x, x_adv)
    return threat.quantized(x_adv, x)


def _too_far(distance, threat: Threat):
    return distance > threat.epsilon * (1 + ROUNDING) + ROUNDING


def _looked_at(attack: Attack, victim: Victim, threat: Threat, x_adv, x, label, seeds) -> _Look:
    # The judge's own draws: an attack has not seen them.
    outputs = victim(x_adv, draws.fold(seeds, -1))
    is_right = right(outputs, label)
    hit = ~is_right
    if aim_of(attack).targeted:
        hit = right(outputs, attack.goal(victim, x, label, seeds))
    least, greatest = (reduce(x_adv, (1, 2, 3)) for reduce in (tf.reduce_min, tf.reduce_max))
    distance, own = threat.distance(x_adv, x), attack.threat.distance(x_adv, x)
    return _Look(x_adv, is_right, hit, own, distance, least, greatest)


def _judged(name: str, attack: Attack, threat: Threat, look: _Look) -> Judged:
    is_right, inside = look.right, look.distance <= threat.epsilon * (1 + 10 * ROUNDING) + ROUNDING
    if isinstance(attack, Unbounded):
        # Too far away is as good as not fooled; NaN is neither, and is refused below.
        is_right = is_right | _too_far(look.distance, threat)
        inside = np.isfinite(look.distance)
    beyond = np.maximum(threat.low - look.least, look.greatest - threat.high)
    _check(name, threat, look.distance, inside, beyond)
    return Judged(look.x_adv, is_right, look.hit, look.own, look.least, look.greatest)


def _check(name: str, threat: Threat, distance, inside, beyond) -> None:
    """An attack that cheats, or makes a NaN, is a bug and not a result."""
    if not np.all(inside):
        raise ValueError(
            f"{name} left the threat model: {threat.norm} distance {np.max(distance)} "
            f"with epsilon {threat.epsilon}."
        )
    if not np.all(beyond <= ROUNDING):
        raise ValueError(
            f"{name} left the threat model: a pixel is {np.max(beyond)} beyond "
            f"{threat.low} to {threat.high}."
        )
