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
from robust_tf.experiment.subject import Subject, stand_in
from robust_tf.losses import feature_loss
from robust_tf.victim import Victim

STAND_INS = ("bare", "noise", "softened")


class Guarded(NamedTuple):
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


def guarded(subject: Subject, plan: plans.Evaluate) -> Guarded | None:
    """The model behind the defence that is planned; None where none is."""
    if plan.defense.defense == "none":
        return None
    defense, (loops,) = _around(subject, plan.defense), plan.defense.defense_loops
    decides = attacked = defended_victim(subject.victim, defense, loops)
    given = {"cap": plan.defense_attacked_cap, "beta": plan.defense_attacked_beta}
    given = {name: value for name, value in given.items() if value is not None}
    if given:
        defense = dataclasses.replace(defense, **given)
        attacked = defended_victim(subject.victim, defense, loops)
    return Guarded(subject, defense, attacked, decides)


def decider(subject: Subject, plan: plans.Defense) -> Victim:
    """What decides: the model, behind the defence if one is planned."""
    if plan.defense == "none":
        return subject.victim
    (loops,) = plan.defense_loops
    return defended_victim(subject.victim, _around(subject, plan), loops)


def described(
    plan: plans.Defense, attacked_cap: int | None = None, attacked_beta: float | None = None
) -> dict:
    """What a result says of the defence, and of the loop that gradients went through."""
    if plan.defense == "none":
        return {}
    said = {name.removeprefix("defense_"): v for name, v in dataclasses.asdict(plan).items()}
    (loops,) = said["loops"]
    of_attacks = {"attacked_cap": attacked_cap, "attacked_beta": attacked_beta}
    return {"defense": {**said, "loops": loops, **of_attacks}}


def _around(subject: Subject, plan: plans.Defense) -> ActiveDefense:
    if subject.network is None:
        raise InputError(
            f"--defense=active needs the network's features, which --model={subject.path} does not "
            "give; expected a run directory or a .keras file."
        )
    return active_defense(plan, subject.network)


def stand_in_for(guarded: Guarded, name: str) -> Victim:
    """What an attack that knows of the defence takes in its place.

    Args:
      guarded: what is attacked.
      name: one of STAND_INS.
    """
    make, seen = {
        "bare": (_bare, ("delta",)),
        "noise": (_noise, ("delta", "sigma")),
        "softened": (_softened, ("delta", "beta", "sigma", "cap")),
    }[name]
    victim = make(guarded.bare, guarded.defense)
    # What a result says of the source; images are kept, and a stopped evaluation goes on, by it.
    defense, bare = guarded.defense, guarded.bare
    settings = [f"{setting} {getattr(defense, setting)}" for setting in seen]
    settings.append(defense.features.layers[-1].name)
    victim.__name__ = f"{name} of {bare.path} ({bare.weights}), {', '.join(settings)}"
    return victim


def _bare(subject: Subject, defense: ActiveDefense) -> Victim:
    """The network, with the feature loss that the defence would descend."""
    bare = stand_in(subject)

    def victim(x: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        # A graph computes this only where a loss looks at it.
        L_F = feature_loss(defense.features(x, training=False))
        floored = tf.maximum(L_F, tf.cast(defense.delta, L_F.dtype))
        return {**bare(x, seed), "feature_loss": L_F, "floored_feature_loss": floored}

    return victim


def _noise(subject: Subject, defense: ActiveDefense) -> Victim:
    bare = _bare(subject, defense)
    return lambda x, seed: bare(defense.noisy(x, seed), seed)


def _softened(subject: Subject, defense: ActiveDefense) -> Victim:
    unrolled = Unrolled(defense, networks.softened(defense.features, SOFTNESS))
    bare = stand_in(subject)
    return lambda x, seed: bare(unrolled(x, draws.fold(seed, 0)), draws.fold(seed, 1))
