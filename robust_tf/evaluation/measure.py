"""The measurements that a verdict on gradient masking needs and a result does not have.

measured = measure(victim, batches(indices[:100]), threat, seed, result["attacks"], findings)
lines = verdict(measured)
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from robust_tf import draws, losses
from robust_tf.attacks import PGD, Attack, fgsm
from robust_tf.evaluation.measured import Measured
from robust_tf.evaluation.sanity import Findings
from robust_tf.leaving import written
from robust_tf.threat import Threat
from robust_tf.victim import Victim, right

NOISE_DRAWS = 20
# As far as ten steps lead, so that fifty have time to turn.
HUGE_STEPS, HUGE_STEP_SHARE = 50, 0.1
# Of margin PGD from random starts.
RESTARTS, STEPS = 5, 20


def measure(
    victim: Victim,
    data: tf.data.Dataset,
    threat: Threat,
    seed: int,
    attacks: dict[str, dict],
    findings: Findings,
) -> Measured:
    """Adds FGSM on right and wrong images, an attack without bounds, restarts and random noise.

    Args:
      victim: what was evaluated.
      data: (image, label, index) batches of the first images of the result; a hundred are enough.
      threat: that of the result.
      seed: of the result.
      attacks: the result's rows.
      findings: of `sanity`; a victim without gradients meets noise alone.
    """
    probe = _probe(victim, threat, seed, findings, data.element_spec)
    found = [probe(*batch) for batch in data]
    stays = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
    clean = stays["clean"]
    return Measured(
        attacks,
        sample=len(clean),
        clean=float(clean.mean()),
        fgsm=float(stays["fgsm"].mean()) if "fgsm" in stays else None,
        huge=float(stays["huge"][clean].mean()) if "huge" in stays and clean.any() else None,
        noise=tuple(stays["noise"].tolist()),
        restarts=_after_each(stays["restarts"], clean) if "restarts" in stays else (),
        gradients=findings.gradients,
        zero_gradients=findings.zero_gradients,
    )


def _probe(
    victim: Victim, threat: Threat, seed: int, findings: Findings, signature
) -> Callable[..., dict[str, tf.Tensor]]:
    """A graph that says which images of a batch stay right, by what is done to them."""

    @tf.function(input_signature=signature, autograph=False)
    def probe(x, label, index):
        seeds = draws.image_seeds(seed, 0, index)

        def stays(images):
            # The victim's own draws are the same whatever is done to the image: of a random victim
            # too, what fools is the noise and not another draw.
            return right(victim(images, draws.fold(seeds, -1)), label)

        found = {"clean": stays(x)}
        # What the victim's own draw has lost already is not the noise's doing.
        found["noise"] = _under_noise(threat, x, seeds, stays) | ~found["clean"]
        if findings.gradients:
            found["fgsm"] = stays(fgsm(threat)(victim, x, label, seeds))
            found["huge"] = stays(_without_bounds(threat, x, findings)(victim, x, label, seeds))
            found["restarts"] = _restarts(victim, threat, findings, (x, label, seeds))
        return found

    return probe


def _under_noise(threat: Threat, x: tf.Tensor, seeds: tf.Tensor, stays: Callable) -> tf.Tensor:
    """Which images are right as they are and under every uniform draw of the ball."""

    def draw(i, standing):
        noisy = threat.start("uniform", x, draws.fold(seeds, i))
        return i + 1, standing & stays(noisy)

    _, standing = tf.while_loop(
        lambda i, _: i < NOISE_DRAWS, draw, (0, stays(x)), parallel_iterations=1
    )
    return standing


def _without_bounds(threat: Threat, x: tf.Tensor, findings: Findings) -> Attack:
    """PGD within a radius from which any image reaches the grey one, which has but one class.

    It starts from the image itself: noise as large as this would fool without any gradient.
    """
    epsilon = (threat.high - threat.low) / 2
    if threat.norm == "L2":
        epsilon *= math.sqrt(x.shape[1:].num_elements())
    return PGD(
        dataclasses.replace(threat, epsilon=epsilon),
        loss=_margin(findings),
        steps=HUGE_STEPS,
        step_size=HUGE_STEP_SHARE * epsilon,
        start="none",
        # A random victim's judge is another draw: one that fooled by luck must not end the search.
        judge=not findings.random,
    )


def _restarts(victim: Victim, threat: Threat, findings: Findings, batch) -> tf.Tensor:
    """Which restart of margin PGD fooled each image: RESTARTS where none did."""
    attack = PGD(threat, loss=_margin(findings), steps=STEPS, judge=not findings.random)

    def restart(r, fell):
        place = tf.where(fell == RESTARTS)[:, 0]
        x, label, seeds = (tf.gather(t, place) for t in batch)
        x_adv = attack(victim, x, label, draws.fold(seeds, r))
        stays = right(victim(x_adv, draws.fold(seeds, -1)), label)
        return r + 1, written(fell, place, tf.where(stays, RESTARTS, r))

    _, fell = tf.while_loop(
        lambda r, fell: (r < RESTARTS) & tf.reduce_any(fell == RESTARTS),
        restart,
        (0, tf.fill(tf.shape(batch[1]), RESTARTS)),
        parallel_iterations=1,
    )
    return fell


def _after_each(fell: np.ndarray, clean: np.ndarray) -> tuple[float, ...]:
    """The share that is right after one restart, two and so on."""
    return tuple(float(np.mean(clean & (fell > r))) for r in range(RESTARTS))


def _margin(findings: Findings) -> losses.Loss:
    """The margin, of what a bounded head squeezes where the victim gives that."""
    if findings.bounded and findings.before_squeeze:
        return losses.OfOutput("before_squeeze", losses.Margin())
    return losses.Margin()
