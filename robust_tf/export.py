"""python -m robust_tf.export --model=RUN_DIR --export_dir=DIR: writes a SavedModel."""

from robust_tf import command_line, config, plans, starting


def main() -> None:
    """Exports as the flags say."""
    plan = config.export()
    with starting.tensorflow():
        from robust_tf import experiment

    experiment.export_model(plan)


if __name__ == "__main__":
    command_line.run(main, plans.Export)
