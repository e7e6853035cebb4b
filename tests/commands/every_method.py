"""Trains every method for a few updates and saves what each ends with: one process, or a worker.

python -m tests.commands.every_method DIR
"""

import pathlib
import sys

import numpy as np
from absl import flags

from robust_tf import building, config, distribute
from robust_tf.data.pipeline import training_dataset
from robust_tf.data.sources import load
from robust_tf.methods import METHODS

UPDATES, BATCH = 3, 16
COMMON = ("--dataset=digits", "--network=wrn-10-1", "--precision=float64", "--sync_bn", "--ema=0.9")
COMMON += ("--schedule=constant", "--lr=0.05", f"--batch_size={BATCH}", "--attack_steps=2")
COMMON += ("--val_attack=clean", "--label_smoothing=0.1")
# The restorations of the first updates are on either side of this threshold.
OF_METHOD = {
    "rlfat_t": ["--rlfat_per_batch"],
    "fpd": ["--lr=0.001", "--fpd_threshold=0.181"],
}


def plan(method: str):
    """What the flags say of a method."""
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    flags.FLAGS(["every_method", *COMMON, f"--method={method}", *OF_METHOD.get(method, ())])
    return config.train()


def main(folder: pathlib.Path) -> None:
    """Trains them one after the other under one strategy."""
    strategy = distribute.strategy()
    examples = load("digits", "train")

    def share(context):
        shard = (context.input_pipeline_id, context.num_input_pipelines)
        return training_dataset(examples, batch_size=BATCH, seed=0, shard=shard)

    for name in METHODS:
        with strategy.scope():
            method = building.method(plan(name), examples.image_shape, 10, UPDATES)
        batches = strategy.distribute_datasets_from_function(share)
        logs = method.fit(batches, steps_per_epoch=UPDATES, shuffle=False, verbose=0).history
        if not 0 < logs.get("phase_one", [0.5])[0] < 1:
            raise ValueError(f"Expected both phases of {name}, got {logs}.")
        if distribute.is_chief(strategy):
            variables = [*method.network.variables, *method.optimizer.variables]
            arrays = {f"v{i}": v.numpy() for i, v in enumerate(variables)}
            np.savez(folder / f"{name}.npz", **arrays)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
