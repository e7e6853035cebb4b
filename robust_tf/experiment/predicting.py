"""Labels the images of a folder, a NAME,LABEL line each."""

import csv
import dataclasses
import sys

from robust_tf import files, plans
from robust_tf.data.image_folder import images_in
from robust_tf.evaluation.cores import single_threaded_ops
from robust_tf.experiment import asking, defending


def predict(plan: plans.Predict) -> bool:
    """Predicts as planned; whether every image could be read."""
    single_threaded_ops()
    paths = images_in(plan.input_dir, "--input_dir")
    subject = asking.subject(plan)
    answers = asking.Answers(
        defending.decider(subject, plan.defense),
        subject.image_shape,
        plan.asking,
        plan.output_file,
        {
            "weights": subject.weights,
            "images": asking.fingerprint(paths),
            "defense": dataclasses.asdict(plan.defense),
        },
    )
    name = str(plan.input_dir)
    found = answers.of(paths, name) + plan.label_offset
    unread = answers.unread(paths, name)
    # Whatever a file may be called, its line says.
    how = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}
    with files.replacing(plan.output_file) as temporary, temporary.open("w", **how) as file:
        rows = zip((path.name for path in paths), found.tolist(), strict=True)
        csv.writer(file, lineterminator="\n").writerows(rows)
    answers.state.remove()
    if unread:
        print(
            f"{len(unread):,} of {len(paths):,} images could not be read and have the label "
            f"{asking.NO_CLASS + plan.label_offset}, which is no class: {', '.join(unread)}",
            file=sys.stderr,
        )
    print(f"{len(paths):,} labels written to {plan.output_file}")
    return not unread
