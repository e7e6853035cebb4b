"""The result of an evaluation, made of the outcomes that its state holds."""

import keras
import numpy as np
import tensorflow as tf

from robust_tf.attacks import Attack, Unbounded, stages
from robust_tf.evaluation import random_judge
from robust_tf.evaluation.holding import holding
from robust_tf.evaluation.judge import aim_of
from robust_tf.evaluation.random_judge import Decisions
from robust_tf.evaluation.state import State

SINGLE = Decisions()


def result(
    about: dict,
    attacks: dict[str, Attack],
    parameters: dict,
    state: State,
    decisions: Decisions = SINGLE,
) -> dict:
    """What is written: accuracies, success rates and each image's outcome.

    Args:
      about: the model, its data, the threat model and the seed.
      attacks: by name, "clean" among them.
      parameters: the attacks' hyper-parameters by name.
      state: the outcomes of all their stages.
      decisions: how often each image was decided.
    """
    index = state.of("clean")["index"]
    # Of several decisions on an image the shares that were right; of one, whether it was.
    own = {name: state.shares(list(stages(name, attack))) for name, attack in attacks.items()}
    several = decisions.attacked > 1
    # What is wrong by itself is right under no attack, but where its success is counted otherwise.
    joint = {
        name: several and name != "clean" and not aim_of(attack).targeted
        for name, attack in attacks.items()
    }
    right = {name: own[name] * own["clean"] if joint[name] else own[name] for name in attacks}
    rows = {}
    for name, attack in attacks.items():
        besides = random_judge.row(name, attack, state, decisions, joint[name])
        rows[name] = {
            "accuracy": float(right[name].mean()),
            "success_rate": _success(name, attack, state, right, besides.get("control")),
            "hyperparameters": parameters[name],
            **_distances(name, attack, state, right["clean"] > 0),
            **_costs(name, attack, state),
            **besides,
            "per_image": (right[name] if several else right[name] > 0).tolist(),
        }
    return {
        **about,
        "examples": len(index),
        "attacks": rows,
        "robust_accuracy": float(np.prod(list(own.values()), axis=0).mean()),
        "smallest": min(rows, key=lambda name: rows[name]["accuracy"]),
        **(holding(rows) if several or "defense" in about else {}),
        **random_judge.whole(attacks, state, decisions),
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
        "dtype": "float32",
    }


def _success(
    name: str, attack: Attack, state: State, right: dict, control: float | None
) -> float | None:
    if name == "clean":
        return None
    if aim_of(attack).targeted:
        return float(np.mean(state.of(name)["hit"]))
    # Untargeted, success is counted among images that were right to begin with: behind a random
    # judge, that are right as often when nobody attacks them.
    clean = right["clean"]
    of = clean.sum() if control is None else control * len(clean)
    return max(0.0, float((of - right[name][clean > 0].sum()) / of)) if of else 0.0


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


def _costs(name: str, attack: Attack, state: State) -> dict:
    """Seconds and, of an ensemble, what each of its stages left standing."""
    keys = list(stages(name, attack))
    seconds = {key: round(state.of(key)["seconds"], 3) for key in keys}
    if len(keys) == 1:
        return {"seconds": seconds[name]}
    so_far = {key: ["clean", *keys[: i + 1]] for i, key in enumerate(keys)}
    left = {key.removeprefix(f"{name}/"): state.share(parts) for key, parts in so_far.items()}
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
