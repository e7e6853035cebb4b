"""python -m robust_tf.evaluate --model=RUN_DIR --attacks=clean,fgsm,pgd-20: attacks a network.

Writes a result (JSON) and prints its table; the same command again goes on where it was stopped.
With --protocol=caad --attacked_dirs=DIR1,DIR2 --labels=FILE it judges images that others attacked.
"""

import sys

from robust_tf import command_line, config, plans, starting


def main() -> None:
    """Evaluates as the flags say."""
    competes = config.protocol() == "caad"
    plan = config.compete() if competes else config.evaluate()
    with starting.tensorflow():
        from robust_tf import experiment

    if not competes:
        experiment.evaluate(plan)
    elif not experiment.compete(plan):
        sys.exit(1)


if __name__ == "__main__":
    command_line.run(main, plans.Evaluate, plans.Compete, more=("protocol",))
