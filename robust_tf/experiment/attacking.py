"""The attack of perturb: on images in their own size, by a model that brings them to its own.

attack = attacking.planned(plan, subject, labels, sample)
found = attack.graph((299, 299))(x, label, seeds)
"""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from robust_tf import attack_names, draws, plans
from robust_tf.attacks import Attack, aims, named, step_size
from robust_tf.data import decode
from robust_tf.data.label_files import LABEL, TARGET, ClassFile
from robust_tf.errors import InputError
from robust_tf.evaluation.cautions import needed, warnings
from robust_tf.evaluation.cores import on_all_cores
from robust_tf.evaluation.sanity import Findings, check
from robust_tf.experiment import asking
from robust_tf.experiment.subject import BEFORE_SQUEEZE, Subject
from robust_tf.threat import Threat
from robust_tf.victim import Victim, right


@dataclasses.dataclass(frozen=True)
class Planned:
    """An attack with all that it faces.

    Attributes:
      victim: the model, which takes images of any size.
      attack: on it.
      threat: what may be done to an image.
      own_labels: it leads away from what the model says, and needs no labels.
      targeted: it leads to the labels, not away from them.
    """

    victim: Victim
    attack: Attack
    threat: Threat
    own_labels: bool
    targeted: bool

    def graph(self, size: tuple[int, int]) -> Callable[..., dict]:
        """Attacks images of one size, (x, label, seeds), and says what became of each.

        pixels are its levels, hit is whether it does what it was made for, and changed whether it
        is another image at all.
        """

        @tf.function(
            input_signature=[
                tf.TensorSpec((None, *size, 3)),
                tf.TensorSpec((None,), tf.int32),
                tf.TensorSpec((None, 2), tf.int32),
            ],
            autograph=False,
        )
        def graph(x, label, seeds):
            if self.own_labels:
                label = tf.maximum(asking.classes(self.victim(x, seeds)), 0)
            x_adv = self.threat.quantized(self.attack(self.victim, x, label, seeds), x)
            is_label = right(self.victim(x_adv, draws.fold(seeds, -1)), label)
            pixels, before = (tf.cast(tf.round(255.0 * one), tf.uint8) for one in (x_adv, x))
            return {
                "pixels": pixels,
                "hit": is_label if self.targeted else ~is_label,
                "changed": tf.reduce_any(pixels != before, axis=(1, 2, 3)),
            }

        # Traced here and now: TensorFlow warns of functions that are made again and again.
        return on_all_cores(graph.get_concrete_function())


def labels(plan: plans.Perturb, subject: Subject, paths: list[pathlib.Path]) -> np.ndarray | None:
    """The classes that the images are led to or away from; None is what the model says."""
    if plan.targets and not attack_names.can_aim(attack_names.parse(plan.attack)):
        raise InputError(
            f"--attack={plan.attack} cannot lead to the classes of {plan.targets}; expected PGD in "
            "its forms (fgsm, pgd-K, cw-K, mifgsm-K), or --targets=none."
        )
    given, wanted = (plan.targets, TARGET) if plan.targets else (plan.labels, LABEL)
    if given is None:
        return None
    file = ClassFile(given, subject.classes, offset=plan.label_offset, wanted=wanted)
    away = "Leading to" if plan.targets else "Leading away from"
    print(f"{away} the classes of {given}, counted from {file.first} (--label_offset).", flush=True)
    return file.of(paths)


def planned(plan: plans.Perturb, subject: Subject, own_labels: bool, sample: np.ndarray) -> Planned:
    """The attack of a plan.

    Args:
      plan: of the command.
      subject: the model.
      own_labels: it leads away from what the model says.
      sample: images of one size, by which the model is looked at.
    """

    def victim(x: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        x = decode.resize(x, subject.image_shape, plan.asking.crop)
        return subject.victim(x, seed)

    findings = _findings(plan, victim, tf.constant(sample))
    threat, targeted = Threat("Linf", plan.max_epsilon / 255), plan.targets is not None
    squeezed = findings.bounded and findings.before_squeeze
    attack = named(
        plan.attack,
        threat,
        step_size=_step(plan),
        aim=aims.GIVEN if targeted else aims.UNTARGETED,
        outputs=(BEFORE_SQUEEZE if squeezed else "logits",),
        # Other models will judge: every image is taken all steps of the way.
        judge=False,
    )
    return Planned(victim, attack, threat, own_labels, targeted)


def _step(plan: plans.Perturb) -> float:
    """By paper 1's rule at this epsilon, so that the steps can cross the ball."""
    steps = attack_names.parse(plan.attack).steps
    return step_size("caad", None, steps[0] if steps else 1, plan.max_epsilon)


def _findings(plan: plans.Perturb, victim: Victim, x: tf.Tensor) -> Findings:
    """What the model is like; what the attack cannot do with it is refused, or warned of."""
    label = asking.classes(victim(x, draws.image_seeds(plan.asking.seed, 0, tf.range(len(x)))))
    findings = check(victim, x, tf.maximum(label, 0), plan.asking.seed)
    if findings.classes < needed(plan.attack):
        raise InputError(
            f"--attack={plan.attack} needs {needed(plan.attack)} classes, and "
            f"--model={plan.model} has {findings.classes}; expected such as pgd-20."
        )
    if not (findings.gradients or attack_names.gradient_free(attack_names.parse(plan.attack))):
        raise InputError(
            f"--model={plan.model} gives no gradients, which --attack={plan.attack} needs; "
            "expected square or nattack."
        )
    for sentence in warnings(findings, [plan.attack]):
        print(f"WARNING: {sentence}")
    return findings
