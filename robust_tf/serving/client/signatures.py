"""What a signature takes and gives, as the server's metadata say."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from robust_tf.errors import InputError, unknown

_ENCODED = "_bytes"
_PROBABILITIES = "probabilities"
# What is shown of each image, where a signature gives it.
_SHOWN = (_PROBABILITIES, "steps", "converged")


@dataclasses.dataclass(frozen=True)
class Signature:
    """A signature that takes image files.

    Attributes:
      name: the signature's.
      input: its only input's name.
      outputs: the names of all its outputs.
      classes: how many it knows; None where it does not say.
    """

    name: str
    input: str
    outputs: tuple[str, ...]
    classes: int | None

    @property
    def shown(self) -> tuple[str, ...]:
        """Those of its outputs that are looked at."""
        return tuple(name for name in _SHOWN if name in self.outputs)


def choose(listed: Mapping[str, Any], name: str) -> Signature:
    """The signature of this name; raises where it cannot be asked about image files.

    Args:
      listed: the signatures by name, as REST has them in its metadata.
      name: the one that is wanted.
    """
    public = {key: each for key, each in listed.items() if not key.startswith("__")}
    if name not in public:
        raise unknown("--signature", name, public)
    inputs = sorted(public[name]["inputs"])
    if not _takes_files(public[name]):
        others = [key for key, each in sorted(public.items()) if _takes_files(each)]
        known = f", such as {' or '.join(others)}" if others else "; the model has none"
        raise InputError(
            f"--signature={name} takes {', '.join(inputs)}; expected one whose only input is image "
            f"files, with a name that ends in {_ENCODED}{known}."
        )
    outputs = public[name]["outputs"]
    if _PROBABILITIES not in outputs:
        raise InputError(
            f"--signature={name} gives {', '.join(sorted(outputs))}; expected {_PROBABILITIES} "
            "among them."
        )
    return Signature(name, inputs[0], tuple(sorted(outputs)), _classes(outputs[_PROBABILITIES]))


def _takes_files(signature: Mapping[str, Any]) -> bool:
    inputs = signature["inputs"]
    return len(inputs) == 1 and next(iter(inputs)).endswith(_ENCODED)


def _classes(output: Mapping[str, Any]) -> int | None:
    """The last side of an output; None where it is not known before it is asked."""
    sides = [int(side.get("size", 0)) for side in output["tensor_shape"].get("dim", ())]
    return sides[-1] if sides and sides[-1] > 0 else None
