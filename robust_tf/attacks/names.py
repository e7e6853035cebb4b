"""Attacks by the names that --attacks and --val_attack take."""

import dataclasses
import math
from collections.abc import Callable

import tensorflow as tf

from robust_tf import losses
from robust_tf.attack_names import UNBOUNDED, AttackName, gradient_free, parse
from robust_tf.attacks import aims
from robust_tf.attacks.apgd import APGD
from robust_tf.attacks.attack import Attack
from robust_tf.attacks.carlini_wagner import CarliniWagner
from robust_tf.attacks.deepfool import DeepFool
from robust_tf.attacks.ensemble import Ensemble, autoattack, stages
from robust_tf.attacks.fab import FAB
from robust_tf.attacks.multi_targeted import MultiTargeted
from robust_tf.attacks.nattack import NAttack
from robust_tf.attacks.nearest import NearestOf
from robust_tf.attacks.pgd import PGD, fgsm
from robust_tf.attacks.square import Square
from robust_tf.attacks.step_rules import step_size
from robust_tf.attacks.sweep import Sweep
from robust_tf.attacks.transfer import Transfer
from robust_tf.threat import Threat
from robust_tf.victim import Victim

LOGITS = "logits"


@dataclasses.dataclass(frozen=True)
class Options:
    """What an evaluation sets for all of its attacks.

    Attributes:
      step_size: of PGD in all its forms; None leaves it to the rule.
      step_rule: quarter (epsilon / 4) or caad (max(1, 16 / K) / 255 with K steps, as paper 1).
      start: of PGD in all its forms; None is uniform, but the image for fgsm and mifgsm.
      restarts: of pgd, cw and apgd.
      aim: untargeted, or the class aimed at.
      kappa: confidence at which the margin stops to count.
      shift_weight: of the restoration's shift in shift-K.
      outputs: which of the victim's outputs white-box attacks take their loss of: of several one
        after the other.
      queries: of the victim by square and nattack for an image; None is what their papers say.
      judge: the victim itself decides who is fooled: fooled images leave the batch.
    """

    step_size: float | None = None
    step_rule: str = "quarter"
    start: str | None = None
    restarts: int = 1
    aim: aims.Aim = aims.UNTARGETED
    kappa: float = 50.0
    shift_weight: float = 10.0
    outputs: tuple[str, ...] = (LOGITS,)
    queries: int | None = None
    judge: bool = False


def named(
    name: str, threat: Threat, source: Callable[[str], Victim] | None = None, **options
) -> Attack | Sweep:
    """The attack of a name.

    Args:
      name: as attack_names describes them.
      threat: what may be done to an image.
      source: gives the victim that a transfer is made on, by what its name says of it.
      **options: those of Options.
    """
    said, given = parse(name), Options(**options)
    # In a transfer another network judges, and a sweep is judged after each of its numbers.
    every_step = dataclasses.replace(given, judge=False)
    if said.kind == "transfer":
        return Transfer(_one(said.parts[0], threat, every_step), source(said.source))
    if len(said.steps) > 1:
        one_by_one = {f"{said.kind}-{K}": said._replace(steps=(K,)) for K in said.steps}
        attacks = {name: _one(one, threat, every_step) for name, one in one_by_one.items()}
        # A targeted attack takes one, as below.
        last_only = any(attack.aim.targeted for attack in attacks.values())
        return Sweep(attacks, given.outputs[-1 if last_only else 0 :])
    if said.kind == "ensemble":
        parts = (_one_or_two(part, threat, given) for part in said.parts)
        named_parts = zip(said.parts, parts, strict=True)
        return Ensemble(
            threat, {k: v for part, one in named_parts for k, v in stages(part.text, one).items()}
        )
    return _one_or_two(said, threat, given)


def _one_or_two(name: AttackName, threat: Threat, options: Options) -> Attack:
    """The attack on each of the outputs; what needs no gradient is not misled by a squeeze."""
    attack = _one(name, threat, options)
    if gradient_free(name) or options.outputs == (LOGITS,):
        return attack
    if len(options.outputs) == 1 or getattr(attack, "aim", aims.UNTARGETED).targeted:
        # What counts of a targeted attack is the hit, on which two do not take turns: the last.
        return _on(options.outputs[-1], attack)
    if name.kind in UNBOUNDED:
        return NearestOf(tuple(_on(output, attack) for output in options.outputs))
    return Ensemble(
        threat,
        {
            part if output == LOGITS else f"{part}@{output}": _on(output, one)
            for part, one in getattr(attack, "stages", {name.text: attack}).items()
            for output in options.outputs[: 1 if isinstance(one, Square) else None]
        },
    )


def _on(output: str, attack: Attack) -> Attack:
    """The attack with the loss of another output; who is fooled is still for the logits to say."""
    if output == LOGITS:
        return attack
    if isinstance(attack, Ensemble):
        on = {part: _on(output, one) for part, one in attack.stages.items()}
        return dataclasses.replace(attack, stages=on)
    if isinstance(attack, MultiTargeted):
        return dataclasses.replace(attack, pgd=_on(output, attack.pgd))
    if hasattr(attack, "output"):
        return dataclasses.replace(attack, output=output)
    if isinstance(attack, Square):
        return attack
    return dataclasses.replace(attack, loss=losses.OfOutput(output, attack.loss))


def _one(name: AttackName, threat: Threat, options: Options) -> Attack:
    judge, l2 = {"judge": options.judge}, dataclasses.replace(threat, norm="L2")
    run = {"steps": name.run, **judge} if name.run else judge
    apgd = {"restarts": options.restarts, "eot": name.eot, **run}
    if name.steps or name.kind in ("clean", "fgsm"):
        return _pgd(name, threat, options)
    return {
        "apgd-ce": lambda: APGD(threat, **apgd),
        "apgd-dlr": lambda: APGD(threat, loss=losses.dlr, **apgd),
        "apgd-t": lambda: APGD(threat, loss=losses.targeted_dlr, targets=9, **apgd),
        "apgd-lf": lambda: APGD(threat, loss=losses.WithFeatureLoss(name.weight), **apgd),
        "apgd-steps": lambda: APGD(threat, loss=losses.unevenness, **apgd),
        "fab": lambda: FAB(threat, targets=0, **run),
        "fab-t": lambda: FAB(threat, **run),
        "square": lambda: _square(threat, options),
        "nattack": lambda: _nattack(threat, options),
        "cw-l2": lambda: CarliniWagner(l2),
        "deepfool": lambda: DeepFool(threat),
        "autoattack": lambda: autoattack(threat, "standard", **judge),
        "autoattack-plus": lambda: autoattack(threat, "plus", **judge),
        "autoattack-rand": lambda: autoattack(threat, "rand", **judge),
    }[name.kind]()


def _square(threat: Threat, options: Options) -> Square:
    square = Square(threat, judge=options.judge)
    return dataclasses.replace(square, queries=options.queries or square.queries)


def _nattack(threat: Threat, options: Options) -> NAttack:
    nattack = NAttack(threat, judge=options.judge)
    if options.queries is None:
        return nattack
    # Populations shrink as the steps do: two draws tell no direction, two steps lead nowhere.
    asked = options.queries - 1
    population = max(2, math.isqrt(options.queries // 2), asked // nattack.steps - 1)
    steps = min(nattack.steps, max(1, asked // (population + 1)))
    return dataclasses.replace(nattack, population=population, steps=steps)


def _pgd(name: AttackName, threat: Threat, options: Options) -> Attack:
    """All that is an argument of PGD."""
    K, aim = name.steps[0] if name.steps else 1, options.aim
    if name.kind == "clean":
        return PGD(threat, steps=0, aim=aim)
    if name.kind == "pgd-targeted" and not aim.targeted:
        aim = aims.RANDOM
    loss = {
        "cw": losses.Margin(options.kappa, aim.targeted),
        "pgd-multitargeted": losses.targeted_margin,
        "shift": losses.WithShift(options.shift_weight),
    }
    own = {"aim": aim, "loss": loss.get(name.kind, losses.cross_entropy)}
    if name.kind == "fgsm":
        return fgsm(threat, start=options.start or "none", **own)
    size = step_size(options.step_rule, options.step_size, K)
    own |= {"steps": K, "step_size": size, "judge": options.judge}
    if name.kind == "mifgsm":
        # "the step size alpha = epsilon / T", and a decay factor of 1.
        own |= {"momentum": 1.0, "step_size": options.step_size or threat.epsilon / K}
        return PGD(threat, start=options.start or "none", **own)
    own |= {"start": options.start or "uniform"}
    if name.kind == "pgd-multitargeted":
        return MultiTargeted(PGD(threat, **own))
    return PGD(threat, restarts=options.restarts, **own)


def compiled(attack: Attack, xla: bool) -> Callable[..., tf.Tensor]:
    """The attack as it is, or each call of it compiled by XLA."""
    if not xla:
        return attack

    def call(victim, x, label, seeds):
        @tf.function(jit_compile=True, autograph=False)
        def graph(x, label, seeds):
            return attack(victim, x, label, seeds)

        return graph(x, label, seeds)

    return call
