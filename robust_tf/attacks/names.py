"""Attacks by the names that --attacks and --val_attack take."""

from collections.abc import Callable

import tensorflow as tf

from robust_tf import losses
from robust_tf.attack_names import parse
from robust_tf.attacks.aims import UNTARGETED, Aim
from robust_tf.attacks.pgd import PGD, fgsm
from robust_tf.threat import Threat


def named(
    name: str,
    threat: Threat,
    *,
    step_size: float | None = None,
    restarts: int = 1,
    aim: Aim = UNTARGETED,
    kappa: float = 50.0,
    output: str = "logits",
    judge: bool = False,
) -> PGD:
    """The attack of a name.

    Args:
      name: clean (no attack), fgsm, pgd-K (K steps on cross-entropy) or cw-K (K on the margin).
      threat: what may be done to an image.
      step_size: of pgd and cw; None is epsilon / 4.
      restarts: of pgd and cw.
      aim: untargeted, or the class aimed at.
      kappa: confidence at which cw's margin stops to count.
      output: which of the victim's outputs the loss is of.
      judge: the victim itself decides who is fooled: fooled images leave the batch.
    """
    kind, steps = parse(name)
    if kind == "clean":
        return PGD(threat, steps=0, aim=aim)
    loss = losses.Margin(kappa, aim.targeted) if kind == "cw" else losses.cross_entropy
    if output != "logits":
        loss = losses.OfOutput(output, loss)
    if kind == "fgsm":
        return fgsm(threat, aim=aim, loss=loss)
    options = dict(steps=steps, step_size=step_size, restarts=restarts, judge=judge)
    return PGD(threat, loss=loss, aim=aim, **options)


def compiled(attack: PGD, xla: bool) -> Callable[..., tf.Tensor]:
    """The attack as it is, or each call of it compiled by XLA."""
    if not xla:
        return attack

    def call(victim, x, label, seeds):
        @tf.function(jit_compile=True, autograph=False)
        def graph(x, label, seeds):
            return attack(victim, x, label, seeds)

        return graph(x, label, seeds)

    return call
