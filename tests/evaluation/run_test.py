"""Tests of robust_tf.evaluation.run: results computed by hand, and what makes no difference."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from robust_tf.attacks import PGD, Ensemble, Sweep, fgsm, hyperparameters
from robust_tf.attacks.aims import LEAST_LIKELY, MOST_CONFUSING
from robust_tf.attacks.nearest import Nearest, Unbounded
from robust_tf.evaluation.sanity import Findings
from robust_tf.threat import Threat
from tests.evaluation.judging import (
    IMAGES,
    LABELS,
    POINT_LABELS,
    POINT_VICTIM,
    POINTS,
    THREAT,
    Shift,
    batches,
    evaluated,
    judge_images,
    judge_points,
    timeless,
)

CLEAN = [True, True, True, True, False, True]


def _row(result: dict, attack: str) -> tuple[list[bool], float, float]:
    row = result["attacks"][attack]
    return row["per_image"], row["accuracy"], row["success_rate"]


def test_fgsm_by_hand(tmp_path):
    result = judge_points({"fgsm": fgsm(THREAT)}, tmp_path / "result.json")
    assert _row(result, "clean") == (CLEAN, 5 / 6, None)
    # It turns the two that are within epsilon of 1/2, of five that were right.
    standing = [True, False, False, True, False, True]
    assert _row(result, "fgsm") == (standing, 3 / 6, 2 / 5)
    assert (result["robust_accuracy"], result["smallest"]) == (3 / 6, "fgsm")


def test_clean_is_judged_without_being_asked_for(tmp_path):
    result = judge_points({}, tmp_path / "result.json")
    assert _row(result, "clean") == (CLEAN, 5 / 6, None)
    assert (result["robust_accuracy"], result["smallest"]) == (5 / 6, "clean")


def test_a_network_without_an_answer_is_not_right(tmp_path):
    """argmax of NaN is 0, which is a label."""

    def victim(x, seed):
        return {"logits": tf.fill((tf.shape(x)[0], 3), float("nan"))}

    path, rest = tmp_path / "result.json", batches(POINTS, POINT_LABELS, 4)
    result = evaluated(victim, rest, 6, {}, path)
    assert _row(result, "clean") == ([False] * 6, 0, None)


def test_robust_is_what_is_right_under_every_attack(tmp_path):
    attacks = {
        "up": Shift(THREAT, shift=0.09375),
        "down": Shift(THREAT, shift=-0.125),
        "still": PGD(THREAT, steps=0),
    }
    # Up turns the second image, down the third.
    x = np.where(POINTS == 0.9375, 0.875, POINTS)
    rest = batches(x, POINT_LABELS, 4)
    path = tmp_path / "result.json"
    result = evaluated(POINT_VICTIM, rest, 6, attacks, path)
    assert _row(result, "up") == ([True, False, True, True, False, True], 4 / 6, 1 / 5)
    assert _row(result, "down") == ([True, True, False, True, False, True], 4 / 6, 1 / 5)
    assert _row(result, "still") == (CLEAN, 5 / 6, 0)
    assert result["robust_accuracy"] == 3 / 6
    assert result["smallest"] == "up"


def test_a_targeted_attack_succeeds_where_its_target_is_hit(tmp_path):
    aimed = {"near": fgsm(THREAT, aim=MOST_CONFUSING), "far": fgsm(THREAT, aim=LEAST_LIKELY)}
    near, far = (
        judge_points({name: attack}, tmp_path / f"{name}.json") for name, attack in aimed.items()
    )
    # Of all six: the fifth says its target without being attacked.
    turned = [True, False, False, True, False, True]
    assert _row(near, "near") == (turned, 3 / 6, 3 / 6)
    # Class 2 is out of reach; the way to it leads down, which turns the third all the same.
    assert _row(far, "far") == ([True, True, False, True, False, True], 4 / 6, 0)


@dataclasses.dataclass(frozen=True)
class Far(Unbounded):
    """One that looks for an adversarial image at whatever distance."""

    threat: Threat
    shift: float

    def nearest(self, victim, x, label, seeds) -> Nearest:
        """The images with the shift, allowed or not."""
        return Nearest(x + self.shift, self.threat.distance(x + self.shift, x))


def test_an_unbounded_attack_counts_where_it_stayed_within_epsilon(tmp_path):
    attacks = {"near": Far(THREAT, shift=0.125), "far": Far(Threat("L2", 0.125), shift=0.25)}
    x = np.where(POINTS == 0.9375, 0.5625, POINTS)
    path, rest = tmp_path / "result.json", batches(x, POINT_LABELS, 4)
    rows = evaluated(POINT_VICTIM, rest, 6, attacks, path)["attacks"]
    # Either turns the second image, and up by a quarter that is too far away.
    assert rows["near"]["per_image"] == [True, False, True, True, False, True]
    assert rows["far"]["per_image"] == [True, True, True, True, False, True]
    found = ("fooled_at_any_distance", "median_distance", "distance_norm")
    assert [rows["near"][key] for key in found] == [1 / 5, 0.125, "Linf"]
    assert [rows["far"][key] for key in found] == [1 / 5, 0.25, "L2"]


def test_a_cascade_gives_each_stage_what_the_one_before_left(tmp_path, capsys):
    stages = {"up": Shift(THREAT, shift=0.0625), "down": Shift(THREAT, shift=-0.125)}
    rest = batches(np.where(POINTS == 0.9375, 0.875, POINTS), POINT_LABELS, 4, seen := [])
    attacks = {"both": Ensemble(THREAT, stages)}
    result = evaluated(POINT_VICTIM, rest, 6, attacks, tmp_path / "result.json")
    # Six on the clean images, then those that are right: 1/2 itself is class 0.
    assert seen == [6, 5, 5]
    row = result["attacks"]["both"]
    assert row["per_image"] == [True, True, False, True, False, True]
    left = {name: stage["accuracy"] for name, stage in row["stages"].items()}
    assert left == {"up": 5 / 6, "down": 4 / 6}
    assert "outputs" not in row
    assert row["hyperparameters"]["stages"]["up"]["shift"] == 0.0625
    shown = capsys.readouterr().out
    assert "\nusing custom version including up, down.\ninitial accuracy: 83.33%\n" in shown
    assert "\nup - 1/2 - 0 out of 4 successfully perturbed\n" in shown
    assert "\nup - 2/2 - 0 out of 1 successfully perturbed\n" in shown
    assert "\nrobust accuracy after UP: 83.33% (total time" in shown
    assert "\nrobust accuracy after DOWN: 66.67% (total time" in shown
    # The images that stand are as they were, at 0.125 and 0.875; the one that fell, from 0.5625.
    said = "max Linf perturbation: 0.12500, nan in tensor: 0, max: 0.87500, min: 0.12500"
    assert f"\n{said}\nrobust accuracy: 66.67%\n" in shown


def test_one_attack_on_two_outputs_says_what_each_found(tmp_path):
    stages = {"fgsm": Shift(THREAT, shift=0.125), "fgsm@before_squeeze": fgsm(THREAT)}
    rest = batches(np.where(POINTS == 0.9375, 0.875, POINTS), POINT_LABELS, 4)
    attacks = {"fgsm": Ensemble(THREAT, stages)}
    row = evaluated(POINT_VICTIM, rest, 6, attacks, tmp_path / "r.json")["attacks"]["fgsm"]
    assert row["outputs"] == {"logits": 4 / 6, "both": 3 / 6}


def test_a_sweep_has_a_row_for_each_of_its_numbers(tmp_path):
    attacks = {f"pgd-{K}": PGD(THREAT, steps=K, step_size=0.0625, start="none") for K in (1, 2)}
    path = tmp_path / "r.json"
    result = judge_points({"pgd-1/2": Sweep(attacks)}, path)
    assert list(result["attacks"]) == ["clean", "pgd-1", "pgd-2"]
    # The second and the third image are a sixteenth away from 1/2.
    right = [result["attacks"][name]["per_image"] for name in attacks]
    assert right == [
        [True, True, False, True, False, True],
        [True, False, False, True, False, True],
    ]
    assert path.with_suffix(".png").exists()


def test_findings_give_the_result_a_verdict(tmp_path, capsys):
    findings = Findings(
        random=False,
        probabilities=False,
        bounded=False,
        before_squeeze=False,
        gradients=True,
        zero_gradients=0.5,
        classes=3,
    )
    path = tmp_path / "r.json"
    result = judge_points({"fgsm": fgsm(THREAT)}, path, findings=findings)
    signs = {line["measure"]: line for line in result["gradient_masking"]}
    assert signs["zero gradients"]["suspicious"]
    assert signs["FGSM against clean"]["value"] == "fgsm 50.0%, clean 83.3%"
    assert json.loads(path.read_text()) == result
    assert "1 sign of masked gradients (zero gradients)" in capsys.readouterr().out


def test_a_network_that_is_never_right_leaves_nothing_to_succeed_at(tmp_path):
    wrong = batches(POINTS, np.full(6, 2), 6)
    path = tmp_path / "result.json"
    result = evaluated(POINT_VICTIM, wrong, 6, {"f": fgsm(THREAT)}, path)
    assert _row(result, "f") == ([False] * 6, 0, 0)


def test_the_file_is_the_result_and_says_what_it_is_of(tmp_path, capsys):
    path = tmp_path / "results" / "result.json"
    attack = fgsm(THREAT)
    result = judge_points({"fgsm": attack}, path)
    assert json.loads(path.read_text()) == result
    assert list(tmp_path.rglob("*.json")) == [path]
    assert set(result) == {
        *("model", "dataset", "examples", "threat", "attacks", "robust_accuracy"),
        *("smallest", "seed", "versions", "dtype", "quantized"),
    }
    assert (result["model"], result["dataset"]) == ("runs/one", "points")
    assert (result["examples"], result["seed"], result["dtype"]) == (6, 0, "float32")
    assert result["threat"] == {"norm": "Linf", "eps": 0.125}
    assert result["versions"]["tensorflow"] == tf.__version__
    assert list(result["attacks"]) == ["clean", "fgsm"]
    row = result["attacks"]["fgsm"]
    assert set(row) == {"accuracy", "success_rate", "hyperparameters", "seconds", "per_image"}
    assert row["hyperparameters"] == hyperparameters(attack)
    assert row["seconds"] > 0
    shown = capsys.readouterr().out
    assert "fgsm  5/5 images, 2 successfully perturbed" in shown and str(path) in shown


def test_batch_size_makes_no_difference(tmp_path):
    one, seven = (
        timeless(judge_images(batches(IMAGES, LABELS, size), tmp_path / f"{size}.json"))
        for size in (1, 7)
    )
    assert one == seven
    rates = [row["accuracy"] for row in one["attacks"].values()]
    assert rates[0] > rates[1] > 0 and rates[0] > rates[2] > 0


def test_the_seed_makes_a_difference(tmp_path):
    rest = batches(IMAGES, LABELS, 30)
    a, b = (judge_images(rest, tmp_path / "r.json", steps=1, seed=s) for s in (0, 1))
    assert any(
        a["attacks"][name]["per_image"] != b["attacks"][name]["per_image"]
        for name in ("pgd", "restarts")
    )


@pytest.mark.parametrize(
    ("norm", "shift", "sentence"),
    [
        ("Linf", 0.1875, "cheat left the threat model: Linf distance 0.1875 with epsilon 0.125"),
        ("L2", -0.1875, "cheat left the threat model: L2 distance 0.1875 with epsilon 0.125"),
        ("Linf", 0.125, "cheat left the threat model: a pixel is 0.0625 beyond 0.0 to 1.0"),
        ("Linf", float("nan"), "cheat left the threat model"),
        ("L2", float("nan"), "cheat left the threat model"),
    ],
)
def test_an_attack_that_cheats_is_refused(norm, shift, sentence, tmp_path):
    path = tmp_path / "result.json"
    path.write_text("an earlier result")
    cheat = Shift(Threat(norm, 0.125), shift=shift)
    with pytest.raises(ValueError, match=sentence):
        judge_points({"cheat": cheat}, path, threat=cheat.threat)
    assert path.read_text() == "an earlier result"


def test_batches_are_made_one_at_a_time_as_they_are_needed(tmp_path):
    made, ahead = [], []

    def generate():
        for i in range(40):
            made.append(i)
            yield np.full((1, 1, 1, 1), 0.25, np.float32), np.array([0]), np.array([i], np.int32)

    def judged(x):
        ahead.append(len(made))
        return x

    def victim(x, seed):
        noted = tf.ensure_shape(tf.numpy_function(judged, [x], tf.float32), (None, 1, 1, 1))
        return POINT_VICTIM(noted, seed)

    signature = (
        tf.TensorSpec((None, 1, 1, 1)),
        tf.TensorSpec((None,), tf.int64),
        tf.TensorSpec((None,), tf.int32),
    )
    data = tf.data.Dataset.from_generator(generate, output_signature=signature)
    clean = {"clean": PGD(THREAT, steps=0)}
    path = tmp_path / "r.json"
    evaluated(victim, lambda _: data, 40, clean, path)
    # tf.data itself makes a batch or two ahead.
    assert max(made_so_far - i for i, made_so_far in enumerate(ahead)) <= 3
    assert len(ahead) == len(made) == 40


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
