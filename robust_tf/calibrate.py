"""python -m robust_tf.calibrate --model=RUN_DIR: finds delta and beta of Active Defense.

Writes RUN_DIR/active_defense.cfg, from which evaluate and export take them with --defense=active.
"""

from robust_tf import command_line, config, plans, starting


def main() -> None:
    """Calibrates as the flags say."""
    plan = config.calibrate()
    with starting.tensorflow():
        from robust_tf import experiment

    experiment.calibrate(plan)


if __name__ == "__main__":
    command_line.run(main, plans.Calibrate)
