"""Labels the images of a folder, a NAME,LABEL line each."""

import csv
import sys

from robust_tf import files, plans
from robust_tf.data.image_folder import images_in
from robust_tf.evaluation.cores import single_threaded_ops
from robust_tf.experiment import asking


def predict(plan: plans.Predict) -> bool:
    """Predicts as planned; whether every image has a class."""
    single_threaded_ops()
    paths = images_in(plan.input_dir, "--input_dir")
    subject = asking.subject(plan)
    answers = asking.answers(plan, subject, plan.output_file, asking.fingerprint(paths))
    name = str(plan.input_dir)
    found = answers.of(paths, name) + plan.label_offset
    without = {
        "could not be read": answers.unread(paths, name),
        "have no answer that is a number": answers.undecided(paths, name),
    }
    # Whatever a file may be called, its line says.
    how = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}
    with files.replacing(plan.output_file) as temporary, temporary.open("w", **how) as file:
        rows = zip((path.name for path in paths), found.tolist(), strict=True)
        csv.writer(file, lineterminator="\n").writerows(rows)
    answers.state.remove()
    for why, names in without.items():
        if names:
            print(
                f"{len(names):,} of {len(paths):,} images {why}, and have the label "
                f"{asking.NO_CLASS + plan.label_offset}, which is no class: {', '.join(names)}",
                file=sys.stderr,
            )
    print(f"{len(paths):,} labels written to {plan.output_file}")
    return not any(without.values())
