"""Networks from [0, 1] images to logits: build them by name, load them, tap their features."""

from robust_tf.networks.building import build
from robust_tf.networks.fpd import FPD, restorer, second_pass
from robust_tf.networks.loading import fingerprint, load
from robust_tf.networks.softened import softened
from robust_tf.networks.tapping import outputs, up_to

__all__ = [
    "FPD",
    "build",
    "fingerprint",
    "load",
    "outputs",
    "restorer",
    "second_pass",
    "softened",
    "up_to",
]
