"""Attacks by the names that --attacks and --val_attack take."""

import dataclasses
from collections.abc import Callable
from typing import Any

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
    """
    kind, steps = parse(name)
    if kind == "clean":
        return PGD(threat, steps=0, aim=aim)
    loss = losses.Margin(kappa, aim.targeted) if kind == "cw" else losses.cross_entropy
    if output != "logits":
        loss = losses.OfOutput(output, loss)
    if kind == "fgsm":
        return fgsm(threat, aim=aim, loss=loss)
    return PGD(threat, loss=loss, aim=aim, steps=steps, step_size=step_size, restarts=restarts)


def hyperparameters(attack: PGD) -> dict[str, Any]:
    """What a result records of an attack: all but its threat model, which is the result's."""
    fields = {f.name: getattr(attack, f.name) for f in dataclasses.fields(attack)}
    del fields["threat"]
    loss = fields["loss"]
    return {**fields, "loss": getattr(loss, "__name__", str(loss)), "aim": attack.aim.name}


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
