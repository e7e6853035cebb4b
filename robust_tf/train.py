"""python -m robust_tf.train --flagfile=flags/quickstart.cfg: trains a network, or goes on training.

Writes a run directory; the same command again resumes it. With --export_dir the best network is
exported at the end.
"""

from robust_tf import command_line, config, quiet


def main() -> None:
    """Trains as the flags say."""
    plan = config.train()
    # TensorFlow is slow to import: bad flags are answered first.
    with quiet.importing():
        from robust_tf import experiment

    experiment.train(plan)


if __name__ == "__main__":
    command_line.run(main)
