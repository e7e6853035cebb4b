"""How far apart the last networks of two runs are.

    python results/weights_apart.py RUN_DIR RUN_DIR

The largest difference of any two numbers, by the largest number of their variable.
"""

import pathlib
import sys

import keras
import numpy as np

from robust_tf import networks


def last(run: str) -> keras.Model:
    """The last network of a run, in the precision it was trained in."""
    return networks.load(pathlib.Path(run) / "checkpoints" / "last.keras")


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference of two variables of one shape, relative to the largest number."""
    return float(np.abs(one - other).max() / max(np.abs(one).max(), 1e-300))


def main(one: str, other: str) -> None:
    """Prints it."""
    pairs = list(zip(last(one).get_weights(), last(other).get_weights(), strict=True))
    numbers = sum(weight.size for weight, _ in pairs)
    largest = max(apart(*pair) for pair in pairs)
    print(f"{numbers:,} {pairs[0][0].dtype} numbers, at most {largest:.1e} apart")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
