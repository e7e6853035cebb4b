"""Trains one thing after the other: in one process, or on each of the workers of TF_CONFIG.

    python -m tests.commands.trainings FOLDER NAME...

A name is a method, which makes a few updates, or one of RUNS, what the command does with these
flags. FOLDER/NAME is its run directory, with the state that it ends with. One process for all of
them, since TensorFlow takes longer to start than any of them to train.
"""

import functools
import pathlib
import sys
from unittest import mock

from absl import flags

from robust_tf import backup, building, config, distribute, experiment, plans
from robust_tf.data.pipeline import training_dataset
from robust_tf.data.sources import load
from robust_tf.networks.wide_resnet import WideResNet
from tests.commands.running import TINY

UPDATES = 3
OF_METHODS = (*TINY, "--precision=float64", "--sync_bn", "--ema=0.9", "--lr=0.05")
OF_METHODS += ("--batch_size=16", "--attack_steps=2", "--val_attack=clean", "--label_smoothing=0.1")
# The restorations of the first updates are on either side of this threshold.
OF_METHOD = {
    "rlfat_t": ("--rlfat_per_batch",),
    "fpd": ("--lr=0.001", "--fpd_threshold=0.181"),
}

SHORT = (*TINY, "--epochs=2", "--steps_per_epoch=4", "--lr=0.05", "--val_attack=clean")
PGD = (*SHORT, "--method=pgd_at", "--attack_steps=3", "--precision=float64")
WITHOUT_NORM = (*PGD, "--network=cnn-small", "--ema=0.9", "--weight_decay=0.001")
RUNS = {
    "pgd_at_in_float64": (*PGD, "--sync_bn"),
    "standard_in_float32": (*SHORT, "--method=standard", "--sync_bn", "--activation=elu"),
    "whole_batches": WITHOUT_NORM,
    "accumulated_batches": (*WITHOUT_NORM, "--accumulate=4"),
}


def plan(run_dir: pathlib.Path, *line: str) -> plans.Train:
    """What a command line says, whatever was said before."""
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    flags.FLAGS(["train", *line, f"--run_dir={run_dir}"])
    return config.train()


def updates(of: plans.Train) -> None:
    """Trains a method without all that the command does beside, and keeps its state."""
    strategy, examples = distribute.strategy(), load("digits", "train")

    def share(context):
        shard = (context.input_pipeline_id, context.num_input_pipelines)
        return training_dataset(examples, batch_size=of.batch_size, seed=0, shard=shard)

    with strategy.scope():
        method = building.method(of, examples.image_shape, 10, UPDATES)
    batches = strategy.distribute_datasets_from_function(share)
    logs = method.fit(batches, steps_per_epoch=UPDATES, shuffle=False, verbose=0).history
    if not 0 < logs.get("phase_one", [0.5])[0] < 1:
        raise ValueError(f"Expected both phases of {of.recipe.method}, got {logs}.")
    if distribute.is_chief(strategy):
        backup.save(of.run_dir, method, backup.Progress())


def main(folder: pathlib.Path, *names: str) -> None:
    """Trains them one after the other."""
    once = functools.cache(distribute.strategy)
    with (
        # A second strategy cannot be made in a process.
        mock.patch.object(distribute, "strategy", once),
        # Batch norm, a shortcut and a tap are in the first group; all three take twice as long.
        mock.patch.object(WideResNet, "groups", 1),
    ):
        for name in names:
            if name in RUNS:
                experiment.train(plan(folder / name, *RUNS[name]))
            else:
                method = (f"--method={name}", *OF_METHOD.get(name, ()))
                updates(plan(folder / name, *OF_METHODS, *method))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
