"""Where early exit is right, where it invents robustness, and what a squeezed head hides: measured
on networks that were trained on digits.
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import pytest

from robust_tf import networks
from robust_tf.attacks import PGD, Transfer, named
from robust_tf.data.pipeline import evaluation_dataset
from robust_tf.data.sources import load
from robust_tf.errors import InputError
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests.evaluation.judging import evaluated

THREAT = Threat("Linf", 0.2)
COUNT = 120
TEST = load("digits", "test").first(COUNT)


def _trained(seed: int, head: str = "linear", rate: float = 2e-3):
    """A small network, trained for a second on clean digits."""
    train = load("digits", "train")
    x = np.stack([train.image(i) for i in range(len(train))]) / np.float32(255)
    network = networks.build("cnn-small", train.image_shape, 10, head=head, seed=seed)
    keras.utils.set_random_seed(seed)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    network.fit(x, train.labels, batch_size=64, epochs=8, verbose=0)
    squeezed = ["before_squeeze"] if head == "tanh" else []
    return network_victim(networks.outputs(network, squeezed))


def _accuracies(victim, attacks: dict, tmp_path) -> dict[str, float]:
    def batches(indices):
        return evaluation_dataset(TEST.subset(indices), 60)

    path = tmp_path / "r.json"
    result = evaluated(victim, batches, COUNT, attacks, path, threat=THREAT)
    return {name: row["accuracy"] for name, row in result["attacks"].items()}


@dataclasses.dataclass(frozen=True)
class _Leaving:
    """What attacks.Transfer refuses: an attack that leaves when its source is fooled."""

    threat: Threat
    attack: PGD
    source: Callable

    def __call__(self, victim, x, label, seeds):
        return self.attack(self.source, x, label, seeds)


def test_early_exit_finds_no_less_where_the_victim_judges_and_less_where_another_does(tmp_path):
    target, source = _trained(0), _trained(1)
    every_step = PGD(THREAT, steps=20)
    leaving = PGD(THREAT, steps=20, judge=True)
    own = _accuracies(target, {"every": every_step, "leaving": leaving}, tmp_path)
    assert own["clean"] > 0.9
    assert own["leaving"] <= own["every"] < 0.2
    attacks = {
        "every": named("transfer:pgd-20@twin", THREAT, {"twin": source}.get, judge=True),
        "leaving": _Leaving(THREAT, leaving, source),
    }
    transferred = _accuracies(target, attacks, tmp_path)
    # An image that just fools the source has hardly moved towards fooling another network.
    assert transferred["every"] < transferred["leaving"] - 0.2
    with pytest.raises(InputError, match="Transfer needs an attack that runs every step"):
        Transfer(leaving, source)


def test_an_attack_before_the_squeeze_finds_what_a_tanh_head_hides(tmp_path):
    # So fast that its Tanh is flat where it is sure.
    victim = _trained(0, head="tanh", rate=1e-2)
    both = {"outputs": ("logits", "before_squeeze"), "judge": True}
    attacks = {
        "logits": named("pgd-10", THREAT, judge=True),
        "both": named("pgd-10", THREAT, **both),
    }
    found = _accuracies(victim, attacks, tmp_path)
    assert found["clean"] > 0.85
    assert found["both"] <= found["logits"] - 0.05


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
