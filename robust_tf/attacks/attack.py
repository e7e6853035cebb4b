"""What every attack is: a value with a threat model, called with a victim and a batch."""

import dataclasses
from typing import Any, Protocol

import tensorflow as tf

from robust_tf.attacks.aims import Aim
from robust_tf.threat import Threat
from robust_tf.victim import Victim


class Attack(Protocol):
    """A frozen dataclass of hyper-parameters.

    Attributes:
      threat: what may be done to an image.
    """

    threat: Threat

    def __call__(
        self, victim: Victim, x: tf.Tensor, label: tf.Tensor, seeds: tf.Tensor
    ) -> tf.Tensor:
        """The adversarial images, without gradient to anything that made them."""


def hyperparameters(attack: Attack) -> dict[str, Any]:
    """What a result records of an attack: all but its threat model, which is the result's."""
    fields = {f.name: getattr(attack, f.name) for f in dataclasses.fields(attack)}
    return {name: _plain(value) for name, value in fields.items() if name != "threat"}


def _plain(value: Any) -> Any:
    """The value as JSON can hold it."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        # JSON has no infinity.
        return value if abs(value) != float("inf") else str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, Aim):
        return value.name
    if dataclasses.is_dataclass(value) and hasattr(value, "threat"):
        return hyperparameters(value)
    return getattr(value, "__name__", str(value))
