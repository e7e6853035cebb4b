"""python -m robust_tf.serve --model_dir=EXPORT_DIR: serves a SavedModel over REST and gRPC.

Until SIGTERM or Ctrl-C; then it finishes what runs and exits with 0.
"""

import dataclasses
import os
import sys

from robust_tf import command_line, config, plans, starting


def main() -> None:
    """Serves as the flags say."""
    plan = config.serve()
    with starting.tensorflow():
        from robust_tf.serving import server

    server.serve(server.ServeOptions(**dataclasses.asdict(plan)))
    # At once: a model that is still loading, or runs beyond the grace, cannot be interrupted, and
    # TensorFlow aborts a process in which one of its threads comes back while Python ends.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    command_line.run(main, plans.Serve)
