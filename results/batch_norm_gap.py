"""Accuracy by batch norm's moving statistics (inference) beside accuracy by the batch's (training).

    python results/batch_norm_gap.py DATA RUN_DIR ...

on the first 1,000 MNIST test images in batches of 100, clean and with the uniform noise that FPD
trains with. One set of statistics serves both passes of a Feature Pyramid Decoder: this is what
their mixture costs.
"""

import pathlib
import sys

import tensorflow as tf
from tabulate import tabulate

from robust_tf import draws, networks
from robust_tf.data.pipeline import evaluation_dataset
from robust_tf.data.sources import load
from robust_tf.victim import network_victim

EPSILON = 0.3


def accuracy(victim, batches, noise: float) -> float:
    """The share of images that is right, under uniform noise of this size."""
    right = []
    for x, label, index in batches:
        seeds = draws.image_seeds(0, 0, index)
        drawn = draws.per_image(tf.random.stateless_uniform, seeds, tuple(x.shape[1:]))
        logits = victim(x + noise * (2 * drawn - 1), seeds)["logits"]
        right.append(tf.argmax(logits, axis=-1) == tf.cast(label, tf.int64))
    return float(tf.reduce_mean(tf.cast(tf.concat(right, axis=0), tf.float32)))


def main(data_dir: str, runs: list[str]) -> None:
    """A row for each run and noise."""
    rows = []
    for run in runs:
        network = networks.load(run, dtype="float32")
        size, _, channels = network.input_shape[1:]
        options = {"image_size": size, "channels": channels, "examples": 1000}
        examples = load("mnist", "test", data_dir=data_dir, **options)
        batches = list(evaluation_dataset(examples, 100))
        for noise in (0.0, EPSILON):
            modes = (network_victim(network, batch_statistics=batch) for batch in (False, True))
            shares = [f"{accuracy(victim, batches, noise):.1%}" for victim in modes]
            rows.append([pathlib.Path(run).name, noise, *shares])
    print(tabulate(rows, ["run", "noise", "inference", "batch statistics"], disable_numparse=True))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
