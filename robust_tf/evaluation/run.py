"""Runs attacks over a data set, streaming, and writes the result.

    run(victim, batches, indices, {"pgd-20": attack}, output=path, seed=0, about={...})

Draws are keyed by image, so a result does not depend on the batch size or on where it was stopped.
"""

import pathlib
import time
from collections.abc import Callable, Sequence

import tensorflow as tf

from robust_tf import progress
from robust_tf.attacks import PGD, Attack, hyperparameters, stages
from robust_tf.evaluation.judge import aim_of, judge
from robust_tf.evaluation.result import result
from robust_tf.evaluation.state import State, write_json
from robust_tf.evaluation.table import table
from robust_tf.threat import Threat
from robust_tf.victim import Victim

Batches = Callable[[Sequence[int]], tf.data.Dataset]


def run(
    victim: Victim,
    batches: Batches,
    indices: Sequence[int],
    attacks: dict[str, Attack],
    *,
    threat: Threat,
    output: pathlib.Path,
    seed: int,
    about: dict,
) -> dict:
    """Evaluates, prints the table, and returns the result that it writes.

    An untargeted attack is run on the images that are right without one, a targeted one on all.

    Args:
      victim: what is attacked, and what judges.
      batches: gives the (image, label, index) batches of the images of these indices.
      indices: of all images.
      attacks: attacks by name; "clean" is run whether or not it is among them.
      threat: the threat model of them all.
      output: the result's file.
      seed: of all random draws.
      about: what the result says of the model and its data.
    """
    attacks = {"clean": PGD(threat, steps=0), **attacks}
    parameters = {name: hyperparameters(attack) for name, attack in attacks.items()}
    about = {**about, "threat": {"norm": threat.norm, "eps": threat.epsilon}, "seed": seed}
    state = State(output, {**about, "examples": len(indices), "attacks": parameters})
    try:
        for name, attack in attacks.items():
            everything = name == "clean" or aim_of(attack).targeted
            standing = indices if everything else state.right("clean")
            _run_attack(name, attack, victim, batches, standing, seed, state)
    finally:
        state.save(force=True)
    found = result(about, attacks, parameters, state)
    write_json(output, found)
    state.remove()
    print(f"\n{table(found)}\n\nResult written to {output}")
    return found


def _run_attack(name, attack, victim, batches, standing, seed, state) -> None:
    """Each stage from the original images, and only those that all stages before left standing."""
    parts, seconds = stages(name, attack), 0.0
    for part, (key, one) in enumerate(parts.items()):
        _run_stage(key, one, victim, batches, standing, seed, state)
        standing, seconds = state.right(key), seconds + state.of(key)["seconds"]
        if len(parts) > 1:
            share = len(standing) / max(1, len(state.of("clean")["index"]))
            print(
                f"robust accuracy after {key.split('/')[-1].upper()}: {share:.2%} "
                f"(total time {seconds:.1f} s, stage {part + 1} of {len(parts)})",
                flush=True,
            )


def _run_stage(key, attack, victim, batches, standing, seed, state) -> None:
    """Adds the outcomes of the images that the state does not have yet."""
    outcome = state.of(key)
    done = set(outcome["index"])
    before = len(done)
    rest = [index for index in standing if index not in done]
    if not rest:
        return
    line, data = progress.Line(), batches(rest)
    judged = judge(key, attack, victim, seed, data.element_spec)
    begun = time.monotonic()
    for x, label, index in data:
        started = time.monotonic()
        found = judged(x, label, index)
        outcome["index"] += index.numpy().tolist()
        outcome["right"] += found.right.tolist()
        outcome["hit"] += found.hit.tolist()
        outcome["seconds"] += time.monotonic() - started
        state.save()
        if line.due():
            made = len(outcome["index"])
            left = (time.monotonic() - begun) / (made - before) * (len(standing) - made)
            line.show(f"{_so_far(key, outcome, standing)}  {progress.duration(left)} left")
    line.keep(f"{_so_far(key, outcome, standing)}  {outcome['seconds']:.1f} s")


def _so_far(key: str, outcome: dict, standing: Sequence[int]) -> str:
    right = sum(outcome["right"])
    return f"{key}  {len(outcome['index'])}/{len(standing)} images  {right} right"
