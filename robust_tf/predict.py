"""python -m robust_tf.predict --model=RUN_DIR --input_dir=DIR --output_file=FILE: labels images.

FILE gets a line NAME,LABEL for each image, as the NIPS 2017 and CAAD competitions want it. An image
that cannot be read gets the number before the first class, and the exit status is then 1.
"""

import sys

from robust_tf import command_line, config, plans, starting


def main() -> None:
    """Predicts as the flags say."""
    plan = config.predict()
    with starting.tensorflow():
        from robust_tf import experiment

    if not experiment.predict(plan):
        sys.exit(1)


if __name__ == "__main__":
    command_line.run(main, plans.Predict)
