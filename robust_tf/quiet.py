"""Keeps what TensorFlow's C++ prints while it is imported (oneDNN, no CUDA drivers) off the screen.

    with importing():
        from robust_tf import experiment

Nothing is lost: TF_CPP_MIN_LOG_LEVEL=0 in the environment shows all of it.
"""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Within it, the process' standard error goes nowhere; Python's exceptions come through."""
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "0":
        yield
        return
    sys.stderr.flush()
    with open(os.devnull, "w") as nowhere:
        screen = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(screen, 2)
            os.close(screen)
