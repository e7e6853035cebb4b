"""The result of an evaluation, made of the outcomes that its state holds."""

import keras
import numpy as np
import tensorflow as tf

from robust_tf.attacks import Attack, Unbounded, stages
from robust_tf.evaluation.judge import aim_of
from robust_tf.evaluation.state import State


def result(about: dict, attacks: dict[str, Attack], parameters: dict, state: State) -> dict:
    """What is written: accuracies, success rates and each image's outcome.

    Args:
      about: the model, its data, the threat model and the seed.
      attacks: by name, "clean" among them.
      parameters: the attacks' hyper-parameters by name.
      state: the outcomes of all their stages.
    """
    index = state.of("clean")["index"]
    right = {
        name: np.isin(index, _standing(name, attack, state)) for name, attack in attacks.items()
    }
    rows = {
        name: {
            "accuracy": float(right[name].mean()),
            "success_rate": _success(name, attack, state, right),
            "hyperparameters": parameters[name],
            **_distances(name, attack, state, right["clean"]),
            **_costs(name, attack, state, len(index)),
            "per_image": right[name].tolist(),
        }
        for name, attack in attacks.items()
    }
    return {
        **about,
        "examples": len(index),
        "attacks": rows,
        "robust_accuracy": float(np.all(list(right.values()), axis=0).mean()),
        "smallest": min(rows, key=lambda name: rows[name]["accuracy"]),
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
        "dtype": "float32",
    }


def _standing(name: str, attack: Attack, state: State) -> list[int]:
    return state.right(list(stages(name, attack))[-1])


def _success(name: str, attack: Attack, state: State, right: dict) -> float | None:
    if name == "clean":
        return None
    if aim_of(attack).targeted:
        return float(np.mean(state.of(name)["hit"]))
    # Untargeted, success is counted among images that were right to begin with.
    counted = ~right[name][right["clean"]]
    return float(counted.mean() if counted.size else 0)


def _distances(name: str, attack: Attack, state: State, right: np.ndarray) -> dict:
    """Of an attack that looks for the nearest image: how near those are that it found."""
    if not isinstance(attack, Unbounded):
        return {}
    outcome = state.of(name)
    counted = np.isin(outcome["index"], np.array(state.of("clean")["index"])[right])
    fooled = np.array(outcome["hit"], bool) & counted
    distance = np.array(outcome["distance"])[fooled]
    return {
        "fooled_at_any_distance": float(fooled.sum() / max(1, counted.sum())),
        "median_distance": float(np.median(distance)) if distance.size else None,
        "distance_norm": attack.threat.norm,
    }


def _costs(name: str, attack: Attack, state: State, examples: int) -> dict:
    """Seconds and, of an ensemble, what each of its stages left standing."""
    keys = list(stages(name, attack))
    seconds = {key: round(state.of(key)["seconds"], 3) for key in keys}
    if len(keys) == 1:
        return {"seconds": seconds[name]}
    left = {key.removeprefix(f"{name}/"): len(state.right(key)) / examples for key in keys}
    costs = {
        "seconds": round(sum(seconds.values()), 3),
        "stages": {
            stage: {"accuracy": accuracy, "seconds": seconds[f"{name}/{stage}"]}
            for stage, accuracy in left.items()
        },
    }
    if set(left) > {name}:
        # One attack on the logits, and then on what that left by another output.
        costs["outputs"] = dict(zip(("logits", "both"), left.values(), strict=True))
    return costs
