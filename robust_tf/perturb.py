"""python -m robust_tf.perturb --model=RUN_DIR --input_dir=DIR --output_dir=DIR: attacks images.

Writes a PNG of the same name for each image, of the same size and within --max_epsilon levels of
it. The same command again goes on where it was stopped. An image that cannot be read is named, and
the exit status is then 1.
"""

import sys

from robust_tf import command_line, config, plans, starting


def main() -> None:
    """Perturbs as the flags say."""
    plan = config.perturb()
    with starting.tensorflow():
        from robust_tf import experiment

    if not experiment.perturb(plan):
        sys.exit(1)


if __name__ == "__main__":
    command_line.run(main, plans.Perturb)
