"""What a model comes to under several attackers, by the rules of the competitions.

NIPS 2017 ranks defences by the sum of right answers over all attackers. CAAD 2018 counts an image
only where the answer is right under every one of them (paper 1: "only counting an image as
correctly classified if the model correctly classifies all five corresponding adversarial images").
"""

import keras
import numpy as np
import tensorflow as tf


def result(
    about: dict,
    images: list[str],
    right: dict[str, np.ndarray],
    seconds: dict[str, float],
    unread: dict[str, list[str]],
) -> dict:
    """The result as evaluations write it, an attacker in the place of an attack.

    Args:
      about: the model, its labels, the threat model and the seed.
      images: their names.
      right: for each attacker, which of these images are answered rightly.
      seconds: what each attacker's images have taken.
      unread: the images of each attacker that could not be read; they are not right.
    """
    rows = {
        name: {
            "accuracy": float(is_right.mean()),
            # Among images that are right unattacked, which nobody has seen here.
            "success_rate": None,
            "hyperparameters": {},
            "seconds": round(seconds[name], 3),
            "per_image": is_right.tolist(),
            **({"unread": unread[name]} if unread[name] else {}),
        }
        for name, is_right in right.items()
    }
    together = np.stack(list(right.values()))
    return {
        **about,
        "protocol": "caad",
        "examples": len(images),
        "images": images,
        "attacks": rows,
        # All or nothing.
        "robust_accuracy": float(together.all(axis=0).mean()),
        "mean_accuracy": float(together.mean()),
        "right_answers": int(together.sum()),
        "smallest": min(rows, key=lambda name: rows[name]["accuracy"]),
        "versions": {"tensorflow": tf.__version__, "keras": keras.__version__},
        "dtype": "float32",
    }
