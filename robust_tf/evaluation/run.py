"""Runs attacks over a data set, streaming, and writes the result.

    run(victim, batches, examples, {"pgd-20": attack}, output=path, seed=0, about={...})

Draws are keyed by image, so a result does not depend on the batch size or on where it was stopped.
"""

import pathlib
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from robust_tf import draws, progress
from robust_tf.attacks import PGD, hyperparameters
from robust_tf.evaluation.state import State, write_json
from robust_tf.evaluation.table import table
from robust_tf.threat import Threat
from robust_tf.victim import Victim

# Rounding of x + delta in float32, absolute for pixels up to 1 and relative for a norm's sum.
ROUNDING = 1e-6


def run(
    victim: Victim,
    batches: Callable[[int], tf.data.Dataset],
    examples: int,
    attacks: dict[str, PGD],
    *,
    threat: Threat,
    output: pathlib.Path,
    seed: int,
    about: dict,
) -> dict:
    """Evaluates, prints the table, and returns the result that it writes.

    Args:
      victim: what is attacked, and what judges.
      batches: gives the (image, label, index) batches from the n-th image on.
      examples: how many images there are.
      attacks: attacks by name; "clean" is run whether or not it is among them.
      threat: the threat model of them all.
      output: the result's file.
      seed: of all random draws.
      about: what the result says of the model and its data.
    """
    attacks = {"clean": PGD(threat, steps=0), **attacks}
    parameters = {name: hyperparameters(attack) for name, attack in attacks.items()}
    about = {**about, "threat": {"norm": threat.norm, "eps": threat.epsilon}, "seed": seed}
    state = State(output, {**about, "examples": examples, "attacks": parameters})
    try:
        for name, attack in attacks.items():
            _run_attack(name, attack, victim, batches, examples, seed, state)
    finally:
        state.save(force=True)
    result = _result(about, attacks, parameters, state)
    write_json(output, result)
    state.remove()
    print(f"\n{table(result)}\n\nResult written to {output}")
    return result


def _run_attack(name, attack, victim, batches, examples, seed, state) -> None:
    """Adds the outcomes of the images that the state does not have yet."""
    outcome = state.of(name)
    line = progress.Line()
    rest = batches(outcome["position"])
    step = _step(attack, victim, seed, rest.element_spec)
    begun, before = time.monotonic(), outcome["position"]
    for x, label, index in rest:
        started = time.monotonic()
        right, hit, distance, beyond = (value.numpy() for value in step(x, label, index))
        _check(name, attack.threat, distance, beyond)
        outcome["right"] += right.tolist()
        outcome["hit"] += hit.tolist()
        outcome["position"] = int(index[-1]) + 1
        outcome["seconds"] += time.monotonic() - started
        state.save()
        if line.due():
            done = outcome["position"]
            left = (time.monotonic() - begun) / (done - before) * (examples - done)
            line.show(
                f"{name}  {done}/{examples}  accuracy {np.mean(outcome['right']):.1%}  "
                f"{progress.duration(left)} left"
            )
    line.keep(
        f"{name}  {outcome['position']}/{examples}  accuracy {np.mean(outcome['right']):.1%}  "
        f"{outcome['seconds']:.1f} s"
    )


def _step(attack: PGD, victim: Victim, seed: int, signature):
    """The graph of one batch: right or not, target hit or not, and how far the attack went."""
    threat = attack.threat

    @tf.function(input_signature=signature, autograph=False)
    def step(x, label, index):
        seeds = draws.image_seeds(seed, 0, index)
        x_adv = attack(victim, x, label, seeds)
        # The judge's own draws: an attack has not seen them.
        logits = victim(x_adv, draws.fold(seeds, -1))["logits"]
        # Without an answer, which a NaN is, an image is not right.
        answered = tf.reduce_all(tf.math.is_finite(logits), axis=-1)
        predicted = tf.where(answered, tf.argmax(logits, -1, output_type=label.dtype), -1)
        hit = predicted != label
        if attack.aim.targeted:
            hit = predicted == attack.goal(victim, x, label, seeds)
        beyond = tf.reduce_max(tf.maximum(threat.low - x_adv, x_adv - threat.high))
        return predicted == label, hit, threat.distance(x_adv, x), beyond

    return step


def _check(name: str, threat: Threat, distance: np.ndarray, beyond: np.ndarray) -> None:
    """An attack that cheats, or makes a NaN, is a bug and not a result."""
    if not np.all(distance <= threat.epsilon * (1 + 10 * ROUNDING) + ROUNDING):
        raise ValueError(
            f"{name} left the threat model: {threat.norm} distance {np.max(distance)} "
            f"with epsilon {threat.epsilon}."
        )
    if not beyond <= ROUNDING:
        raise ValueError(
            f"{name} left the threat model: a pixel is {beyond} beyond "
            f"{threat.low} to {threat.high}."
        )


def _result(about: dict, attacks: dict[str, PGD], parameters: dict, state: State) -> dict:
    right = {name: np.array(state.of(name)["right"]) for name in attacks}
    rows = {}
    for name, attack in attacks.items():
        outcome = state.of(name)
        hit = np.array(outcome["hit"])
        # Untargeted, success is counted among images that were right to begin with.
        counted = hit if attack.aim.targeted else hit[right["clean"]]
        rows[name] = {
            "accuracy": float(right[name].mean()),
            "success_rate": None
            if name == "clean"
            else float(counted.mean() if counted.size else 0),
            "hyperparameters": parameters[name],
            "seconds": round(outcome["seconds"], 3),
            "per_image": outcome["right"],
        }
    return {
        **about,
        "examples": len(right["clean"]),
        "attacks": rows,
        "robust_accuracy": float(np.all(list(right.values()), axis=0).mean()),
        "smallest": min(rows, key=lambda name: rows[name]["accuracy"]),
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
        "dtype": "float32",
    }
