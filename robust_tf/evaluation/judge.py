"""One batch of an evaluation: attacked, judged, and checked to be within the threat model."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from robust_tf import draws
from robust_tf.attacks import Attack, NAttack, Square, Sweep, Unbounded
from robust_tf.attacks.aims import UNTARGETED, Aim
from robust_tf.attacks.choosing import choose
from robust_tf.evaluation.cores import on_all_cores
from robust_tf.evaluation.decisions import decide, over_decisions
from robust_tf.evaluation.keeping import Kept, origins
from robust_tf.threat import Threat
from robust_tf.victim import Victim

# Rounding of x + delta in float32, absolute for pixels up to 1 and relative for a norm's sum.
ROUNDING = 1e-6


class Judged(NamedTuple):
    """What became of each image of a batch.

    Of several decisions on an image, right, hit and converged are the shares of them, and steps
    and induced their means.
    """

    x_adv: np.ndarray
    right: np.ndarray  # under the threat model
    hit: np.ndarray  # the class aimed at or, untargeted, another than the label
    distance: np.ndarray  # in the norm that the attack minimises
    least: np.ndarray  # of its pixels
    greatest: np.ndarray
    steps: np.ndarray | None = None  # of a defence's loop
    longest: np.ndarray | None = None  # in any decision
    converged: np.ndarray | None = None
    induced: np.ndarray | None = None


class _Look(NamedTuple):
    """What the graph sees of each image; of each decision on it, in columns, what is decided."""

    decided: dict[str, np.ndarray]  # right, hit and what a defence says
    own: np.ndarray  # distance in the norm that the attack minimises
    distance: np.ndarray  # in the threat model's
    least: np.ndarray
    greatest: np.ndarray


def aim_of(attack: Attack | Sweep) -> Aim:
    """What the attack wants; those that have no aim of their own are untargeted."""
    if isinstance(attack, Sweep):
        attack = next(iter(attack.attacks.values()))
    return getattr(attack, "aim", UNTARGETED)


@dataclasses.dataclass(frozen=True)
class Judge:
    """Says what attacks come to.

    Attributes:
      victim: what is attacked by its gradients, and by all attacks where nothing else decides.
      threat: the threat model that is judged by.
      seed: of all random draws.
      quantize: images are put on the 8-bit grid before they are judged.
      judging: what decides, where that is not the victim itself.
      decisions: on each image, each with noise of its own.
    """

    victim: Victim
    threat: Threat
    seed: int
    quantize: bool = False
    judging: Victim | None = None
    decisions: int = 1

    def of(
        self,
        attacks: dict[str, Attack],
        together: Attack | Sweep,
        signature: tuple,
        kept: Kept | None = None,
    ) -> Callable[..., dict[str, Judged]]:
        """A function that attacks and judges (image, label, index) batches.

        Args:
          attacks: what is judged, by its name: one, or those of a sweep.
          together: the call that makes the images of them all.
          signature: of a batch.
          kept: where the images have been kept, or are to be.
        """
        # Traced at once: TensorFlow warns of functions that are traced in a loop, as attacks are.
        images = tuple(signature[0] for _ in attacks)
        make = _on_all_cores(lambda *batch: self._make(attacks, together, *batch), *signature)
        look = _on_all_cores(lambda *batch: self._look(attacks, *batch), images, *signature)

        def run(x, label, index) -> dict[str, Judged]:
            made = _kept(kept, make, x, label, index) if kept else make(x, label, index)
            rows = zip(attacks.items(), made, look(made, x, label, index), strict=True)
            return {
                name: _judged(name, attack, self.threat, x_adv, seen)
                for (name, attack), x_adv, seen in rows
            }

        return run

    def _make(self, attacks, together, x, label, index) -> tuple[tf.Tensor, ...]:
        # What needs no gradient asks the one that decides.
        blind = self.judging and isinstance(together, Square | NAttack)
        victim = self.judging if blind else self.victim
        made = together(victim, x, label, draws.image_seeds(self.seed, 0, index))
        made = made if isinstance(made, dict) else dict.fromkeys(attacks, made)
        if self.quantize:
            return tuple(_quantized(one, self.threat, made[n], x) for n, one in attacks.items())
        return tuple(made[name] for name in attacks)

    def _look(self, attacks, made, x, label, index) -> tuple["_Look", ...]:
        seeds = draws.image_seeds(self.seed, 0, index)
        decides = self.judging or self.victim

        def look(name, attack, x_adv):
            aimed = aim_of(attack).targeted
            goal = attack.goal(self.victim, x, label, seeds) if aimed else None
            decided = decide(name, decides, x_adv, label, goal, seeds, self.decisions)
            least, greatest = (
                reduce(x_adv, (1, 2, 3)) for reduce in (tf.reduce_min, tf.reduce_max)
            )
            distance, own = self.threat.distance(x_adv, x), attack.threat.distance(x_adv, x)
            return _Look(decided, own, distance, least, greatest)

        rows = zip(attacks.items(), made, strict=True)
        return tuple(look(name, attack, x_adv) for (name, attack), x_adv in rows)


def _on_all_cores(call: Callable, *signature) -> Callable:
    graph = tf.function(call, input_signature=signature, autograph=False)
    return on_all_cores(graph.get_concrete_function())


def _kept(kept: Kept, make: Callable, *batch: tf.Tensor) -> tuple[np.ndarray, ...]:
    """The images of the batch, of which only those that have not been kept are made."""
    origin = origins(*batch)
    new = kept.missing(origin)
    if new.any():
        kept.add(origin[new], make(*(tf.boolean_mask(t, new) for t in batch)))
    return kept.get(origin)


def _quantized(attack: Attack, threat: Threat, x_adv: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    if isinstance(attack, Unbounded):
        # What is too far away counts as not found, and is not to be drawn nearer.
        x_adv = choose(_too_far(threat.distance(x_adv, x), threat), x, x_adv)
    return threat.quantized(x_adv, x)


def _too_far(distance, threat: Threat):
    return distance > threat.epsilon * (1 + ROUNDING) + ROUNDING


def _judged(name: str, attack: Attack, threat: Threat, x_adv: np.ndarray, look: _Look) -> Judged:
    decided = dict(look.decided)
    inside = look.distance <= threat.epsilon * (1 + 10 * ROUNDING) + ROUNDING
    if isinstance(attack, Unbounded):
        # Too far away is as good as not fooled; NaN is neither, and is refused below.
        decided["right"] = decided["right"] | _too_far(look.distance, threat)[:, None]
        inside = np.isfinite(look.distance)
    beyond = np.maximum(threat.low - look.least, look.greatest - threat.high)
    _check(name, threat, look.distance, inside, beyond)
    return Judged(
        x_adv,
        distance=look.own,
        least=look.least,
        greatest=look.greatest,
        **over_decisions(decided),
    )


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
