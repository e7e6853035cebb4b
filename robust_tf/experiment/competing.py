"""Judges a model by the competition's protocol: on images that several attackers have made."""

import pathlib
import sys

from robust_tf import plans
from robust_tf.data.image_folder import by_bare_name, images_in
from robust_tf.data.label_files import ClassFile
from robust_tf.errors import InputError
from robust_tf.evaluation import competition
from robust_tf.evaluation.cores import single_threaded_ops
from robust_tf.evaluation.state import write_json
from robust_tf.evaluation.table import table
from robust_tf.experiment import asking, defending


def compete(plan: plans.Compete) -> bool:
    """Evaluates as planned; whether every image could be read."""
    single_threaded_ops()
    attacked = _attacked(plan.attacked_dirs)
    subject = asking.subject(plan)
    labels = ClassFile(plan.labels, subject.classes, offset=plan.label_offset)
    images = next(iter(attacked.values()))
    label = labels.of(images)
    if len(labels) > len(images):
        print(f"{len(labels) - len(images):,} classes of {plan.labels} are of no image here.")
    fingerprints = {name: asking.fingerprint(paths) for name, paths in attacked.items()}
    answers = asking.answers(plan, subject, plan.output, fingerprints)
    right = {name: answers.of(paths, name) == label for name, paths in attacked.items()}
    unread = {name: answers.unread(paths, name) for name, paths in attacked.items()}
    about = {
        "model": str(plan.model),
        "weights": subject.weights,
        "dataset": str(plan.labels),
        "threat": {"norm": "Linf", "eps": plan.max_epsilon / 255},
        "seed": plan.asking.seed,
        **defending.described(plan.defense),
    }
    seconds = {name: answers.seconds(name) for name in attacked}
    names = [path.name for path in images]
    found = competition.result(about, names, right, seconds, unread)
    write_json(plan.output, found)
    answers.state.remove()
    for name, missing in unread.items():
        if missing:
            said = f"{len(missing):,} images of {name} could not be read and count as wrong"
            print(f"{said}: {', '.join(missing)}", file=sys.stderr)
    print(f"\n{table(found)}\n\nResult written to {plan.output}")
    return not any(unread.values())


def _attacked(folders: tuple[pathlib.Path, ...]) -> dict[str, list[pathlib.Path]]:
    """The images of each attacker, by the name of the folder: the same ones, in the same order."""
    found = {path: by_bare_name(images_in(path, "--attacked_dirs")) for path in folders}
    everything = sorted(set().union(*found.values()))
    for path, images in found.items():
        missing = [name for name in everything if name not in images]
        if missing:
            raise InputError(
                f"{path} has no image {missing[0]}, which another folder has ({len(missing)} of "
                f"{len(everything)} are missing); expected the same images in all --attacked_dirs."
            )
    names = [path.resolve().name for path in folders]
    called = names if len(set(names)) == len(names) else [str(path) for path in folders]
    return {
        name: [images[bare] for bare in everything]
        for name, images in zip(called, found.values(), strict=True)
    }
