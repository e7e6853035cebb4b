"""Attacks the images of a folder, each in its own size: what is written is what was attacked."""

import dataclasses
import pathlib
import sys
import time

import cv2
import numpy as np
import tensorflow as tf

from robust_tf import files, plans, progress
from robust_tf.data.image_folder import bare, by_bare_name, by_size, images_in, levels
from robust_tf.errors import InputError
from robust_tf.evaluation.cores import single_threaded_ops
from robust_tf.evaluation.state import State
from robust_tf.experiment import asking, attacking
from robust_tf.experiment.subject import Subject

# How many images tell what a model is like.
SAMPLE = 8
# The only stage of the state.
MADE = "made"


def perturb(plan: plans.Perturb) -> bool:
    """Attacks as planned; whether every image could be read."""
    single_threaded_ops()
    paths = images_in(plan.input_dir, "--input_dir")
    by_bare_name(paths)
    subject = asking.subject(plan)
    labels = attacking.labels(plan, subject, paths)
    sizes, unread = by_size(paths)
    for reason in unread:
        print(f"not perturbed: {reason}", file=sys.stderr)
    if not sizes:
        raise InputError(f"--input_dir={plan.input_dir} has no image that can be read.")
    some = [paths[place] for place in next(iter(sizes.values()))[:SAMPLE]]
    attack = attacking.planned(plan, subject, labels is None, _unit_range(some))
    state = State(plan.output_dir / "perturb.json", _settings(plan, subject, paths, labels))
    written = [plan.output_dir / _name(paths[place]) for place in state.of(MADE)["index"]]
    if not all(path.exists() for path in written):
        state.stages.clear()
    try:
        _make(plan, attack, labels, paths, sizes, state)
    finally:
        state.save(force=True)
    state.remove()
    _say(plan, labels is None, state, len(unread))
    return not unread


def _settings(
    plan: plans.Perturb, subject: Subject, paths: list[pathlib.Path], labels: np.ndarray | None
) -> dict:
    """What the images depend on: a stopped attack goes on if it is the same."""
    return {
        "weights": subject.weights,
        "images": asking.fingerprint(paths),
        "attack": [plan.attack, plan.max_epsilon, plan.targets is not None],
        "labels": None if labels is None else labels.tolist(),
        "asking": dataclasses.asdict(plan.asking),
    }


def _make(
    plan: plans.Perturb,
    attack: attacking.Planned,
    labels: np.ndarray | None,
    paths: list[pathlib.Path],
    sizes: dict[tuple[int, int], list[int]],
    state: State,
) -> None:
    """Makes the images that are not there yet, and shows how far it is."""
    done = set(state.of(MADE)["index"])
    left = {size: [i for i in places if i not in done] for size, places in sizes.items()}
    rest = sum(map(len, left.values()))
    seeds, line = asking.seeds(paths, plan.asking.seed), progress.Line()
    made, begun = 0, time.monotonic()
    for size, places in left.items():
        graph = attack.graph(size) if places else None
        for first in range(0, len(places), plan.asking.batch_size):
            batch, started = places[first : first + plan.asking.batch_size], time.monotonic()
            label = np.zeros(len(batch), np.int32) if labels is None else labels[batch]
            x = _unit_range([paths[place] for place in batch])
            found = graph(x, label, tf.gather(seeds, batch))
            for place, pixels in zip(batch, found["pixels"], strict=True):
                _write(plan.output_dir / _name(paths[place]), pixels)
            outcome = {name: found[name].tolist() for name in ("hit", "changed")}
            state.add({MADE: {"index": batch, **outcome}}, time.monotonic() - started)
            state.save()
            made += len(batch)
            if line.due():
                seconds = (time.monotonic() - begun) / made * (rest - made)
                so_far = f"{len(done) + made:,}/{len(done) + rest:,} images"
                line.show(f"{so_far}  {progress.duration(seconds)} left")


def _unit_range(paths: list[pathlib.Path]) -> np.ndarray:
    return np.stack([levels(path) for path in paths]).astype(np.float32) / np.float32(255.0)


def _name(path: pathlib.Path) -> str:
    """The image's own; what was a JPEG gets the suffix of what it is now."""
    return path.name if path.suffix.lower() == ".png" else f"{bare(path.name)}.png"


def _write(path: pathlib.Path, pixels: np.ndarray) -> None:
    # OpenCV's order is BGR, and it tells a file's kind by a suffix in small letters.
    _, encoded = cv2.imencode(".png", pixels[..., ::-1])
    with files.replacing(path) as temporary:
        temporary.write_bytes(encoded.tobytes())


def _say(plan: plans.Perturb, own_labels: bool, state: State, unread: int) -> None:
    made = state.of(MADE)
    count, same = len(made["index"]), made["changed"].count(False)
    if same:
        print(f"WARNING: {same:,} images are as they were: the attack found no way to go.")
    if unread:
        print(f"{unread:,} of {count + unread:,} images could not be read.", file=sys.stderr)
    share = made["hit"].count(True) / count
    met = "another class than before" if own_labels else "a wrong class"
    met = "the class that they were led to" if plan.targets else met
    print(f"{plan.model} gives {share:.1%} of them {met}.")
    print(f"{count:,} images written to {plan.output_dir}, within {plan.max_epsilon} levels of 255")
