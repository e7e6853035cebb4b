"""How a command starts TensorFlow: with oneDNN, and without the lines that its C++ prints.

    with starting.tensorflow():
        from robust_tf import experiment

Either is given up by a variable of the environment: TF_ENABLE_ONEDNN_OPTS=0, and
TF_CPP_MIN_LOG_LEVEL=0, which shows all lines.
"""

import contextlib
import os
import platform
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def tensorflow() -> Iterator[None]:
    """Within it, the process' standard error goes nowhere; Python's exceptions come through."""
    # Of itself TensorFlow takes oneDNN only where there is AVX-512; with AVX2 alone, PGD-AT of
    # wrn-16-2 is 2.7 times as fast with it. On Arm, not measured, TensorFlow has its choice.
    if platform.machine().lower() in ("x86_64", "amd64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
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
