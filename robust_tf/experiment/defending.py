"""Puts Active Defense before a network, and gives attacks what they see of it.

transfer:apgd-ce@bare       the network without the defence, as the paper attacks it
transfer:apgd-ce@noise      the network behind the noise, without the loop
transfer:apgd-ce@softened   through the loop unrolled, its corners rounded off on the way back
"""

import dataclasses
from typing import NamedTuple

import keras
import tensorflow as tf

from robust_tf import draws, networks, plans
from robust_tf.defenses import SOFTNESS, ActiveDefense, Unrolled, defended_victim
from robust_tf.errors import InputError
from robust_tf.experiment.subject import BEFORE_SQUEEZE, Subject, stand_in
from robust_tf.losses import feature_loss
from robust_tf.victim import Victim

STAND_INS = ("bare", "noise", "softened")


class Defended(NamedTuple):
    """A network behind a defence.

    Attributes:
      bare: without it.
      defense: what attacks go through.
      attacked: the victim behind that.
      decides: the victim behind the whole defence.
    """

    bare: Subject
    defense: ActiveDefense
    attacked: Victim
    decides: Victim


def active_defense(plan: plans.Defense, network: keras.Model) -> ActiveDefense:
    """The defence of a network, as planned."""
    return ActiveDefense(
        networks.up_to(network, plan.defense_layer),
        delta=plan.defense_delta,
        beta=plan.defense_beta,
        sigma=plan.defense_sigma,
        cap=plan.defense_cap,
        clip=plan.defense_clip,
    )


def defended(subject: Subject, plan: plans.Evaluate) -> Defended | None:
    """The model behind the defence that is planned; None where none is."""
    if plan.defense.defense == "none":
        return None
    if subject.network is None:
        raise InputError(
            f"--defense=active needs the network's features, which --model={subject.path} does not "
            "give; expected a run directory or a .keras file."
        )
    defense, (loops,) = active_defense(plan.defense, subject.network), plan.defense.defense_loops
    decides = attacked = defended_victim(subject.victim, defense, loops)
    if plan.defense_attacked_cap is not None:
        defense = dataclasses.replace(defense, cap=plan.defense_attacked_cap)
        attacked = defended_victim(subject.victim, defense, loops)
    return Defended(subject, defense, attacked, decides)


def surrogate(name: str, defended: Defended) -> Victim:
    """What an attack that knows of the defence takes in its place.

    Args:
      name: one of STAND_INS.
      defended: what is attacked.
    """
    make, seen = {
        "bare": (_bare, ("delta",)),
        "noise": (_noise, ("delta", "sigma")),
        "softened": (_softened, ("delta", "beta", "sigma", "cap")),
    }[name]
    victim = make(defended.bare, defended.defense)
    # What a result says of the source; images are kept, and a stopped evaluation goes on, by it.
    settings = (f"{setting} {getattr(defended.defense, setting):g}" for setting in seen)
    of = f"{defended.bare.path} ({defended.bare.weights})"
    victim.__name__ = f"{name} of {of}, {', '.join(settings)}"
    return victim


def _bare(subject: Subject, defense: ActiveDefense) -> Victim:
    """The network, with the feature loss that the defence would descend."""
    inputs, outputs = subject.network.input, {"features": defense.features.output}
    logits = {layer.name: layer.output for layer in subject.network.layers}.get(BEFORE_SQUEEZE)
    outputs["logits"] = subject.network.output if logits is None else logits
    tapped = keras.Model(inputs, outputs)

    def victim(x: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        del seed  # A network is deterministic.
        outputs = tapped(x, training=False)
        L_F = feature_loss(outputs["features"])
        floored = tf.maximum(L_F, tf.cast(defense.delta, L_F.dtype))
        return {
            "logits": outputs["logits"],
            "feature_loss": L_F,
            "floored_feature_loss": floored,
        }

    return victim


def _noise(subject: Subject, defense: ActiveDefense) -> Victim:
    bare = _bare(subject, defense)
    return lambda x, seed: bare(defense.noisy(x, seed), seed)


def _softened(subject: Subject, defense: ActiveDefense) -> Victim:
    unrolled = Unrolled(defense, networks.softened(defense.features, SOFTNESS))
    bare = stand_in(subject)
    return lambda x, seed: bare(unrolled(x, draws.fold(seed, 0)), draws.fold(seed, 1))
