"""Trains one thing after the other: in one process, or on each of the workers of TF_CONFIG.

    python -m tests.commands.trainings FOLDER NAME...

A name is one of FLAGS, and FOLDER/NAME then has the state that its training ends with. One process
for all of them, since TensorFlow takes longer to start than any of them to train.
"""

import functools
import pathlib
import sys
from unittest import mock

from absl import flags

from robust_tf import backup, building, config, distribute, experiment, plans
from robust_tf.data.pipeline import training_dataset
from robust_tf.data.sources import load
from robust_tf.errors import InputError
from robust_tf.methods import METHODS
from robust_tf.networks.wide_resnet import WideResNet
from tests.commands.running import TINY, forget_flags

SHORT = (*TINY, "--epochs=1", "--lr=0.05", "--val_attack=clean")
EIGHT = (*SHORT, "--steps_per_epoch=8")
OF_METHODS = (*SHORT, "--steps_per_epoch=3", "--batch_size=16", "--attack_steps=2")
OF_METHODS += ("--precision=float64", "--sync_bn", "--ema=0.9", "--label_smoothing=0.1")
OF_METHOD = {
    "rlfat_t": ("--rlfat_per_batch",),
    # The restorations of the first updates are on either side of this threshold.
    "fpd": ("--lr=0.001", "--fpd_threshold=0.181"),
}
PGD = (*EIGHT, "--method=pgd_at", "--attack_steps=3", "--precision=float64")
BATCHES = (*PGD, "--network=cnn-small", "--schedule=cosine", "--ema=0.9", "--weight_decay=0.001")
# Of 2 workers with 4 parts of 4 images each; a block of 32 indices starts clean or does not.
RECIPE = (*PGD, "--network=cnn-small", "--attack_clean_start=0.5", "--attack_target=random")
RECIPE += ("--attack_step_rule=caad", "--label_smoothing=0.1", "--nesterov")
WHOLE_RUN = "whole_run"
# Each worker has images of its own, which is refused: what it says is in NAME-INDEX.txt.
OTHER_IMAGES = "other_images"
FLAGS = {
    **{name: (*OF_METHODS, f"--method={name}", *OF_METHOD.get(name, ())) for name in METHODS},
    "float32": (*EIGHT, "--method=standard", "--activation=elu", "--sync_bn"),
    "batches": BATCHES,
    "accumulated": (*BATCHES, "--accumulate=4"),
    "recipe": RECIPE,
    "recipe_in_parts": (*RECIPE, "--accumulate=4"),
    WHOLE_RUN: (*PGD, "--sync_bn", "--epochs=2", "--steps_per_epoch=4"),
}


def plan(run_dir: pathlib.Path, *line: str) -> plans.Train:
    """What a command line says, whatever was said before."""
    forget_flags()
    flags.FLAGS(["train", *line, f"--run_dir={run_dir}"])
    return config.train()


def fit(of: plans.Train) -> None:
    """Trains without all that the command does beside, and keeps the state."""
    strategy, examples = distribute.strategy(), load("digits", "train")

    def share(context):
        shard = (context.input_pipeline_id, context.num_input_pipelines)
        return training_dataset(examples, batch_size=of.batch_size, seed=0, shard=shard)

    with strategy.scope():
        method = building.method(of, examples.image_shape, 10, of.steps_per_epoch)
    batches = strategy.distribute_datasets_from_function(share)
    options = {"steps_per_epoch": of.steps_per_epoch, "shuffle": False, "verbose": 0}
    logs = method.fit(batches, **options).history
    if not 0 < logs.get("phase_one", [0.5])[0] < 1:
        raise ValueError(f"Expected both phases of {of.recipe.method}, got {logs}.")
    if distribute.is_chief(strategy):
        backup.save(of.run_dir, method, backup.Progress())


def refused(folder: pathlib.Path) -> None:
    """Trains on other images than the other workers do, and keeps what is said to that."""
    worker = distribute.place().worker
    line = (*SHORT, "--steps_per_epoch=1", f"--holdout={0.1 + 0.1 * worker}")
    try:
        experiment.train(plan(folder / OTHER_IMAGES, *line))
    except InputError as error:
        (folder / f"{OTHER_IMAGES}-{worker}.txt").write_text(str(error))


def main(folder: pathlib.Path, *names: str) -> None:
    """Trains them one after the other."""
    once = functools.cache(distribute.strategy)
    with (
        # A second strategy cannot be made in a process.
        mock.patch.object(distribute, "strategy", once),
        # The first group has a block, batch norm and a tap; all three take twice as long.
        mock.patch.object(WideResNet, "groups", 1),
    ):
        for name in names:
            if name == OTHER_IMAGES:
                refused(folder)
                continue
            train = experiment.train if name == WHOLE_RUN else fit
            train(plan(folder / name, *FLAGS[name]))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
