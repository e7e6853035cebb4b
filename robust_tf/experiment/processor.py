"""What the processor at hand is slow at."""

import pathlib
import re

import tensorflow as tf

from robust_tf import plans

CPUINFO = pathlib.Path("/proc/cpuinfo")
# As Linux calls them: of Intel and AMD, and of Arm.
BFLOAT16 = {"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"}


def warning(plan: plans.Train, cpuinfo: pathlib.Path = CPUINFO) -> str | None:
    """A sentence on the flag, if any, that asks of the processor what it has no instructions for.

    Args:
      plan: of the training.
      cpuinfo: what Linux says of the processor; where it says nothing, neither does this.
    """
    if tf.config.list_logical_devices("GPU") or _has(BFLOAT16, cpuinfo):
        return None
    # The attack's is the same unless it was asked for.
    asked = {"precision": plan.network.precision, "attack_precision": plan.attack.attack_precision}
    for flag, precision in asked.items():
        if precision == "mixed_bfloat16":
            return (
                f"This processor has no instructions for bfloat16, so that --{flag}={precision} "
                f"may take many times as long as --{flag}=float32."
            )
    return None


def _has(any_of: set[str], cpuinfo: pathlib.Path) -> bool:
    """Whether the processor has one of these, or does not say what it has."""
    text = cpuinfo.read_text() if cpuinfo.is_file() else ""
    said = re.search(r"^(?:flags|Features)\s*: (.*)$", text, re.MULTILINE)
    return said is None or not any_of.isdisjoint(said[1].split())
