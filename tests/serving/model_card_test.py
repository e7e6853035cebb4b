"""Tests of robust_tf.serving.model_card and of the results that it reads."""

import json
import pathlib

import keras
import pytest
import tensorflow as tf

from robust_tf.defenses import ActiveDefense
from robust_tf.serving import recorded
from robust_tf.serving.model_card import Origin, model_card
from robust_tf.serving.signatures import Defended

FLAGS = {
    "method": "pgd_at",
    "dataset": "digits",
    "network": "wrn-10-1",
    "norm": "Linf",
    "eps": "0.03137254901960784",
    "attack_steps": "7",
    "data_dir": "/home/somebody/data",
}
INPUTS = {
    "serving_default": tf.TensorSpec((None, 4, 6, 1), tf.float32, "images"),
    "pixels": tf.TensorSpec((None, 4, 6, 1), tf.uint8, "pixels"),
    "encoded": tf.TensorSpec((None,), tf.string, "image_bytes"),
}


def network(classes: int = 10, last: str = "logits") -> keras.Model:
    """24 x 2 + 2 weights, and as many classes as wanted."""
    layers = keras.layers
    features = [layers.Flatten(name="group0"), layers.Dense(2, name="hidden")]
    return keras.Sequential(
        [keras.Input((4, 6, 1)), *features, layers.Dense(classes, name=last)], name="small"
    )


def keep(folder: pathlib.Path, name: str, attacks: dict[str, float], **other) -> None:
    """Writes a result with these accuracies, as evaluate does."""
    result = {
        "weights": "abc",
        "dataset": "digits",
        "threat": {"norm": "Linf", "eps": 8 / 255},
        "examples": 1000,
        "attacks": {attack: {"accuracy": share} for attack, share in attacks.items()},
        "robust_accuracy": min(attacks.values()),
        **other,
    }
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(result))


def accuracy(folder: pathlib.Path) -> str:
    """The accuracy section of the weights abc."""
    return recorded.accuracy(recorded.results(folder, "abc"))


def card(folder: pathlib.Path, flags: dict = FLAGS, **options) -> str:
    """The card of a network whose results lie in a folder."""
    return model_card(network(), INPUTS, options.get("names"), origin=Origin(flags, folder, "abc"))


def test_each_attack_is_a_row_and_the_smallest_is_named(tmp_path):
    keep(tmp_path, "a.json", {"clean": 0.9, "pgd-20": 0.5004, "cw-20": 0.625}, robust_accuracy=0.48)
    lines = accuracy(tmp_path).splitlines()
    assert "Test images of digits, perturbed by at most Linf 0.03137:" in lines
    for row in ("clean | 90.0%", "pgd-20 | 50.0%", "cw-20 | 62.5%"):
        assert f"| {row} | 1000 | a.json |" in lines
    assert (
        "The smallest is that of pgd-20, 50.0% of 1000 images; right under all attacks of one "
        "evaluation at once are 48.0%." in lines
    )


@pytest.mark.parametrize("name", ["autoattack", "autoattack-plus", "autoattack-rand"])
def test_it_warns_unless_autoattack_was_run_at_that_radius(tmp_path, name):
    keep(tmp_path, "a.json", {"clean": 0.9, "pgd-20": 0.5})
    assert recorded.NO_AUTOATTACK in accuracy(tmp_path)
    # Another evaluation at this radius, in which it is the smallest.
    keep(tmp_path, "b.json", {"clean": 0.9, name: 0.44})
    assert recorded.NO_AUTOATTACK not in accuracy(tmp_path)
    assert f"The smallest is that of {name}, 44.0% of 1000 images" in accuracy(tmp_path)
    keep(tmp_path, "c.json", {"clean": 0.9, "cw-20": 0.7}, threat={"norm": "Linf", "eps": 0.01})
    assert accuracy(tmp_path).count(recorded.NO_AUTOATTACK) == 1
    before, _, after = accuracy(tmp_path).partition("Linf 0.01:")
    assert recorded.NO_AUTOATTACK in after and recorded.NO_AUTOATTACK not in before


def test_decisions_behind_a_defence_are_told_apart_from_the_bare_ones(tmp_path):
    defense = {"defense": "active", "layer": "group0", "delta": 0.0124, "beta": 80.0, "cap": 1000}
    defense |= {"sigma": 0.0, "clip": False, "attacked_cap": 0, "attacked_beta": None}
    keep(tmp_path, "bare.json", {"clean": 0.9, "autoattack": 0.1})
    keep(tmp_path, "active.json", {"clean": 0.8, "square": 0.6}, defense=defense)
    behind = "Linf 0.03137, decided behind Active Defense "
    behind += "(layer group0, delta 0.0124, beta 80, sigma 0, cap 1000, attacked cap 0):"
    defended, _, bare = accuracy(tmp_path).partition("Linf 0.03137:")
    assert behind in defended
    assert "The smallest is that of square, 60.0%" in defended and "autoattack |" in bare
    assert recorded.NO_AUTOATTACK in defended and recorded.NO_AUTOATTACK not in bare


def test_parts_of_autoattack_are_not_autoattack(tmp_path):
    keep(tmp_path, "a.json", {"apgd-ce": 0.5, "transfer:autoattack@runs/a": 0.6, "square": 0.55})
    assert recorded.NO_AUTOATTACK in accuracy(tmp_path)


def test_what_the_evaluations_warned_of_is_said_once(tmp_path):
    keep(tmp_path, "a.json", {"clean": 0.9}, warnings=["The head is bounded."])
    keep(tmp_path, "b.json", {"pgd-20": 0.8}, warnings=["The head is bounded.", "And more."])
    assert accuracy(tmp_path).count("- The head is bounded.\n- And more.") == 1


def test_only_results_of_these_weights_count(tmp_path):
    keep(tmp_path, "other.json", {"clean": 0.99}, weights="def")
    keep(tmp_path, ".running.state.json", {"clean": 0.98})
    (tmp_path / "broken.json").write_text('{"weights": "abc", ')
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "notes.json").write_text('{"weights": "abc", "attacks": {}}')
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    assert accuracy(tmp_path) == recorded.UNKNOWN
    keep(tmp_path, "own.json", {"clean": 0.9})
    assert "| clean | 90.0% | 1000 | own.json |" in accuracy(tmp_path)
    assert "99.0%" not in accuracy(tmp_path) and "98.0%" not in accuracy(tmp_path)


def test_nothing_is_made_up_where_nothing_is_known(tmp_path):
    for text in (model_card(network(), INPUTS, None), card(tmp_path / "missing", flags={})):
        assert text.startswith("# Model card: small for images\n")
        assert "Nothing is known of it: the network was not exported from a run" in text
        assert recorded.UNKNOWN in text
        assert recorded.LIMITS not in text
        assert "## Active Defense" not in text


def test_it_says_what_the_network_is_and_how_it_was_trained(tmp_path):
    keep(tmp_path, "a.json", {"clean": 0.9})
    names = [f"digit {number}" for number in range(10)]
    text = card(tmp_path, names=names)
    assert text.startswith("# Model card: wrn-10-1 for digits\n")
    # 24 x 2 + 2 and 2 x 10 + 10.
    assert "- Network: small, 80 parameters\n- Images: 4 x 6 pixels, grey\n" in text
    assert "- Classes: 10 (digit 0, digit 1, " in text and ", ..." not in text
    assert f"TensorFlow {tf.__version__}, Keras {keras.__version__}" in text
    assert "trained against perturbations of at most Linf 0.03137." in text
    assert "    --method=pgd_at\n" in text and "    --attack_steps=7\n" in text
    # Where the data lay is nobody's business.
    assert "somebody" not in text
    assert recorded.LIMITS in text


def test_of_many_classes_only_some_are_listed():
    text = model_card(network(12), INPUTS, [f"c{number}" for number in range(12)])
    assert "12 (c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, ...), by number in class_names.txt" in text


@pytest.mark.parametrize(
    ("changed", "attacked"),
    [
        ({"method": "standard"}, False),
        ({"method": "smoothing"}, False),
        ({"method": "fpd", "fpd_input": "noise"}, False),
        ({"method": "fpd", "fpd_input": "attack"}, True),
        ({"attack_steps": "0"}, False),
        ({"method": "bat", "attack_steps": "1"}, True),
    ],
)
def test_a_training_without_an_attack_is_called_that(tmp_path, changed, attacked):
    text = card(tmp_path, flags=FLAGS | changed)
    assert ("It was trained against perturbations" in text) == attacked
    assert ("It was trained without an attack." in text) != attacked


# e^2 / (e^2 + classes - 1).
@pytest.mark.parametrize(("classes", "most"), [(2, "88.1%"), (10, "45.1%"), (100, "6.9%")])
def test_a_tanh_head_bounds_its_confidences(classes, most):
    text = model_card(network(classes, "before_squeeze"), INPUTS, None)
    assert f"confidences are bounded: no probability is above {most}, however sure" in text
    assert "bounded" not in model_card(network(classes), INPUTS, None)


def test_each_signature_says_what_is_done_to_its_images():
    text = model_card(network(), INPUTS, None)
    outputs = "classes, probabilities, logits |"
    shape = "(batch, 4, 6, 1)"
    assert f"| serving_default | `images`: float32 in [0, 1], {shape}; taken as they are | " in text
    assert f"| pixels | `pixels`: uint8, {shape}; divided by 255 | {outputs}" in text
    assert (
        "| encoded | `image_bytes`: JPEG or PNG files, 40,000,000 pixels in all at most; decoded, "
        "divided by 255 and resized bilinearly to 4 x 6, as their luminance, as in evaluation | "
        f"{outputs}" in text
    )
    assert '"signature_name": "encoded"' in text
    assert (
        "resized cubically to a shortest edge of 7, of which the centre, 4 x 6, is taken, as"
        in (model_card(network(), INPUTS, None, crop="center"))
    )


def test_a_defence_says_what_it_does_and_what_it_costs():
    base = network()
    features = keras.Model(base.inputs, base.get_layer("group0").output)
    defense = ActiveDefense(features, delta=0.0124, beta=80.0, cap=300)
    inputs = INPUTS | {"defended": INPUTS["serving_default"]}
    text = model_card(base, inputs, None, {"defended": Defended(defense, outer_loops=10)})
    for words in (
        "uniform noise of up to 0.075",
        "steps of 80 times",
        "features in group0 until that is at most 0.0124, or for 300 steps",
        "This is done 10 times",
        "They are random",
        "up to 3000 steps",
        "of these signatures only where they say so.",
        "logits, steps, converged, induced |",
    ):
        assert words in text
    once = model_card(base, inputs, None, {"defended": Defended(defense)})
    assert "This is done" not in once and "seed" not in once


def test_a_signature_that_takes_seeds_is_listed_and_warned_of():
    base = network()
    defense = ActiveDefense(keras.Model(base.inputs, base.get_layer("group0").output), delta=0.1)
    inputs = INPUTS | {"defended": INPUTS["serving_default"]}
    text = model_card(base, inputs, None, {"defended": Defended(defense, seeded=True)})
    row = "| defended_seeded | `images` as defended, `seeds`: int32, (batch, 2) | as defended |"
    assert row in text.splitlines()
    assert "**defended_seeded takes the seeds of the noise" in text


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
