"""python -m robust_tf.evaluate --model=RUN_DIR --attacks=clean,fgsm,pgd-20: attacks a network.

Writes a result (JSON) and prints its table; the same command again goes on where it was stopped.
"""

from robust_tf import command_line, config, quiet


def main() -> None:
    """Evaluates as the flags say."""
    plan = config.evaluate()
    with quiet.importing():
        from robust_tf import experiment

    experiment.evaluate(plan)


if __name__ == "__main__":
    command_line.run(main)
