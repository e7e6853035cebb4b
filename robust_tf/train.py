"""python -m robust_tf.train --flagfile=flags/quickstart.cfg: trains a network, or goes on training.

Writes a run directory; the same command again resumes it. With --export_dir the best network is
exported at the end. With --dry_run it says what would be done, and stops.
"""

from robust_tf import command_line, config, plans, starting


def main() -> None:
    """Trains as the flags say, or says what that would be."""
    plan = config.train()
    # TensorFlow is slow to import: bad flags are answered first.
    with starting.tensorflow():
        from robust_tf import experiment

    (experiment.dry_run if plan.dry_run else experiment.train)(plan)


if __name__ == "__main__":
    command_line.run(main, plans.Train, more=("lr_per_256",))
