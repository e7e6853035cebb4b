"""What a victim is like, measured before it is attacked, and warnings where attacks may mislead.

findings = check(victim, x, label, seed)
for sentence in warnings(findings, ["clean", "pgd-20", "autoattack"]):
    print(sentence)
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from robust_tf import draws, losses
from robust_tf.attacks.pgd import GRADIENT_SCALE
from robust_tf.victim import Victim, right

# Draws of the victim that are compared, and what normalised logits may differ by: the reference's.
DRAWS = 5
RANDOM = 1e-4
# What the sum of float32 probabilities may differ from 1 by, the reference's as well.
ROUNDING = 1e-5
# Factors that a contrast is raised by: the last ones drive whatever grows with the image to its
# end, however small its weights.
CONTRASTS = (16.0, 256.0, 4096.0, 65536.0, 1048576.0)
# How near to 1 a logit is at its bound, and the share of the logits that a bound gathers. Of
# logits that merely happen to stay below 1, hardly any lie in the last hundredth.
AT_BOUND = 0.99
GATHERED = 0.1


class Findings(NamedTuple):
    """What was measured.

    Attributes:
      random: the same images give different logits from draw to draw.
      probabilities: what the victim calls logits are probabilities.
      bounded: a squeeze keeps the logits within [-1, 1].
      before_squeeze: the victim gives what it squeezes, by this name.
      gradients: the victim has gradients with respect to the images.
      zero_gradients: share of the images whose gradient is zero; None without gradients.
      classes: how many logits an image has.
    """

    random: bool
    probabilities: bool
    bounded: bool
    before_squeeze: bool
    gradients: bool
    zero_gradients: float | None
    classes: int


def check(victim: Victim, x: tf.Tensor, label: tf.Tensor, seed: int) -> Findings:
    """Looks at one batch: a hundred images tell enough.

    A bounded head is found by measurement, unless it is plain because logits = tanh(before_squeeze)
    where the victim gives both. The images are contrasted and made noisy by factors up to a
    million, far beyond the pixel range: the logits of an ordinary network grow with them, however
    small they were, while those of a Tanh that is nowhere near its ends on clean images gather
    at -1 and 1. So a head is bounded where none of them is larger than 1 and a tenth of them is
    within a hundredth of it (and they are not probabilities, and not the same for every image).
    Not seen is the Tanh of a victim that clips or standardises its images and is saturated on none.
    """
    x, label = tf.convert_to_tensor(x), tf.convert_to_tensor(label)
    index = tf.range(tf.shape(x)[0])
    seeds = [draws.image_seeds(seed, draw, index) for draw in range(DRAWS)]
    outputs = [victim(x, drawn) for drawn in seeds]
    z = np.array([tf.cast(one["logits"], tf.float32) for one in outputs])
    probabilities = _probabilities(z[0])
    zero = _zero_gradients(victim, x, label, seeds[0], z.shape[-1])
    return Findings(
        random=_random(z, [int(tf.math.count_nonzero(right(o, label))) for o in outputs]),
        probabilities=probabilities,
        bounded=not probabilities
        and (_squeezed(outputs[0]) or _bounded(victim, x, seeds[0], z[0])),
        before_squeeze="before_squeeze" in outputs[0],
        gradients=zero is not None,
        zero_gradients=zero,
        classes=z.shape[-1],
    )


def _random(z: np.ndarray, right_counts: list[int]) -> bool:
    """Whether logits of norm 1, or the number of images that are right, differ between draws."""
    z = z / np.maximum(np.linalg.norm(z, axis=-1, keepdims=True), 1e-12)
    differences = np.linalg.norm(z - z[0], axis=-1)
    return bool(np.any(differences > RANDOM)) or len(set(right_counts)) > 1


def _probabilities(z: np.ndarray) -> bool:
    sums_to_1 = np.all(np.abs(z.sum(axis=-1) - 1) <= ROUNDING)
    return bool(sums_to_1 and z.min() >= 0 and z.max() <= 1 + ROUNDING)


def _squeezed(outputs: losses.Outputs) -> bool:
    before = outputs.get("before_squeeze")
    return before is not None and np.allclose(outputs["logits"], np.tanh(before), atol=ROUNDING)


def _bounded(victim: Victim, x: tf.Tensor, seeds: tf.Tensor, z: np.ndarray) -> bool:
    noise = draws.per_image(tf.random.stateless_uniform, seeds, tuple(x.shape[1:]))
    # The image and the noise, each about its middle.
    away = x + noise - 1
    found = [victim(0.5 + contrast * away, seeds)["logits"] for contrast in CONTRASTS]
    z = np.concatenate([z, *(tf.cast(one, tf.float32) for one in found)])
    # A product of two features can overflow: what is no number says nothing.
    z = z[~np.isnan(z).any(axis=-1)]
    if not len(z) or np.abs(z).max() > 1 + ROUNDING or np.ptp(z, axis=0).max() <= ROUNDING:
        return False
    return bool(np.mean(np.abs(z) >= AT_BOUND) >= GATHERED)


def _zero_gradients(victim: Victim, x, label, seeds, classes: int) -> float | None:
    """Share of images without direction, for cross-entropy or, with 3 classes and more, DLR."""
    useless, is_right = _useless(victim, x, label, seeds, losses.cross_entropy)
    if useless is None:
        return None
    if classes >= 3:
        # Of an image that is wrong already, DLR can be constant: its label last of 3 classes.
        useless |= _useless(victim, x, label, seeds, losses.dlr)[0] & is_right
    return float(np.mean(useless))


def _useless(victim: Victim, x, label, seeds, loss: losses.Loss):
    """(which images' gradient is 0 or no number in all pixels, which images are right)."""
    try:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            outputs = victim(x, seeds)
            total = tf.reduce_sum(loss(outputs, label)) * GRADIENT_SCALE
        gradient = tape.gradient(total, x)
    except (LookupError, ValueError):  # Of operations without one, and of some SavedModels.
        gradient = None
    if gradient is None:
        return None, None
    leads = tf.math.is_finite(gradient) & (gradient != 0)
    return ~tf.reduce_any(leads, axis=(1, 2, 3)).numpy(), right(outputs, label).numpy()
