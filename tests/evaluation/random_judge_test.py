"""Evaluations of a random defence: shares, their error, the control, and what is judged by whom."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import draws
from robust_tf.attacks import PGD, Ensemble, Square, Transfer, fgsm
from robust_tf.evaluation.table import table
from tests.evaluation.judging import (
    ABOUT,
    POINT_LABELS,
    POINT_VICTIM,
    POINTS,
    THREAT,
    Interrupted,
    Shift,
    batches,
    evaluated,
    timeless,
)

# Of a hundred images; half of what each decides is luck.
COUNT = 100
X = np.full((COUNT, 1, 1, 1), 0.75, np.float32)
LABEL = np.ones(COUNT, np.int64)
# What a result says of one.
DEFENCE = {"layer": "group0", "delta": 0.1, "beta": 1, "sigma": 0, "cap": 9, "loops": 1}
DEFENCE |= {"attacked_cap": None, "attacked_beta": None}
MOVED = Shift(THREAT, shift=-0.125)


def random_victim(x, seed):
    """Right with the probability of the pixel's brightness, and always a step in the loop."""
    lucky = draws.uniform(seed, (1,))[:, 0] < x[:, 0, 0, 0]
    one = tf.ones_like(x[:, 0, 0, 0])
    return {
        "logits": tf.one_hot(tf.cast(lucky, tf.int32), 2),
        "steps": tf.cast(one, tf.int32),
        "converged": lucky,
        "induced": 0.25 * one,
    }


def _evaluated(path, attacks=None, rest=None, **options):
    attacks = {"down": MOVED, "still": PGD(THREAT, steps=0)} if attacks is None else attacks
    rest = rest or batches(X, LABEL, 40)
    return evaluated(random_victim, rest, COUNT, attacks, path, **options)


def test_shares_their_products_and_the_control(tmp_path):
    result = _evaluated(tmp_path / "r.json", decisions=5, submissions=(1, 10))
    assert result["decisions"] == {"clean": 10, "attacked": 5}
    rows = result["attacks"]
    clean, down = (np.array(rows[name]["per_image"]) for name in ("clean", "down"))
    # Clean 0.75, attacked 0.625; a row is right unattacked and attacked.
    assert rows["clean"]["accuracy"] == clean.mean() == pytest.approx(0.75, abs=0.05)
    assert rows["down"]["accuracy"] == down.mean() == pytest.approx(0.75 * 0.625, abs=0.05)
    assert result["robust_accuracy"] == pytest.approx(0.75 * 0.625 * 0.75, abs=0.05)
    assert result["smallest"] == "down"
    # What does nothing has no success, but for luck.
    assert rows["down"]["control"] == result["control"]["2"]
    assert rows["down"]["success_rate"] == pytest.approx(1 - down.mean() / result["control"]["2"])
    assert rows["still"]["success_rate"] < 0.1
    # Asked three times, without any attack, it is right no more often.
    assert list(result["control"]) == ["2", "3"]
    for times, share in result["control"].items():
        assert share == pytest.approx(0.75 ** int(times), abs=0.05)
    # Mostly that which moves the image; it is right unattacked, too.
    assert result["pointwise_worst"] == pytest.approx(0.75 * 0.65, abs=0.06)
    assert result["holds"] is True
    assert result["submissions"]["1"] == pytest.approx(clean.mean())
    assert result["submissions"]["10"] == pytest.approx(0.75**10, abs=0.05)
    # sqrt(p (1 - p) / 10 / 100)
    assert rows["clean"]["standard_error"] == pytest.approx(0.0137, rel=0.1)
    # E of the squares, 0.581 * 0.4375 * 0.6, less the square of the product.
    assert result["standard_error"] == pytest.approx(0.0170, rel=0.1)
    said = rows["still"]["defense"]
    assert said["median_steps"] == said["most_steps"] == 1
    assert said["converged"] == pytest.approx(0.75, abs=0.05) and said["median_induced"] == 0.25


def test_the_table_says_so(tmp_path):
    text = table(_evaluated(tmp_path / "r.json", decisions=5, submissions=(1, 10)))
    for expected in (
        "% ±1.4",
        "control: clean, decided 3 times",
        "clean, submitted 10 times",
        "  submitted 1 times",
        "median 1 steps (most 1), ",
        "moved 64/255",
        "decided 5 times",
        "Strongest single attack: down, which leaves",
    ):
        assert expected in text, text
    assert "does not hold" not in text
    broken = {"black": Shift(THREAT, shift=-0.75)}
    threat = dataclasses.replace(THREAT, epsilon=1.0)
    text = table(_evaluated(tmp_path / "b.json", broken, decisions=5, threat=threat))
    assert "The defence does not hold: this takes more than half" in text
    assert json.loads((tmp_path / "b.json").read_text())["holds"] is False


def test_an_attacked_image_can_be_submitted_again(tmp_path):
    result = _evaluated(tmp_path / "r.json", {"down": MOVED}, decisions=20, submissions=(1, 10, 50))
    assert list(result["submissions"]) == ["1", "10", "50"]
    found = result["attacks"]["down"]["submissions"]
    # More often than it was decided, nothing is known.
    assert list(found) == ["1", "10"]
    assert found["1"] == pytest.approx(0.625, abs=0.05)
    assert found["10"] == pytest.approx(0.625**10, abs=0.03)


def test_an_image_that_is_wrong_by_itself_is_so_when_it_is_submitted_attacked(tmp_path):
    half = batches(X * (np.arange(COUNT) % 2)[:, None, None, None].astype(np.float32), LABEL, 40)
    attacks = {"still": PGD(THREAT, steps=0)}
    result = _evaluated(
        tmp_path / "r.json", attacks, half, decisions=5, submissions=(1, 2), threat=THREAT
    )
    for times, share in result["attacks"]["still"]["submissions"].items():
        assert share == pytest.approx(0.5 * 0.75 ** int(times), abs=0.07)
        assert share == pytest.approx(result["submissions"][times], abs=0.05)


def test_more_decisions_make_no_attack_strong(tmp_path):
    """An ensemble that does nothing is decided three times, and a single attack twice."""
    still = PGD(THREAT, steps=0)
    attacks = {"both": Ensemble(THREAT, {"a": still, "b": still}), "down": MOVED}
    result = _evaluated(tmp_path / "r.json", attacks, decisions=5)
    rows = result["attacks"]
    assert rows["both"]["accuracy"] < rows["down"]["accuracy"]
    assert rows["both"]["control"] == result["control"]["3"] != rows["down"]["control"]
    assert result["smallest"] == "down"


def test_a_defence_that_is_not_random_holds_or_not(tmp_path):
    rest, options = batches(POINTS, POINT_LABELS, 6), {"about": {**ABOUT, "defense": DEFENCE}}
    attacks = {"fgsm": fgsm(THREAT), "still": PGD(THREAT, steps=0)}
    path = tmp_path / "r.json"
    result = evaluated(POINT_VICTIM, rest, 6, attacks, path, **options)
    # 3 of 5.
    assert (result["smallest"], result["holds"]) == ("fgsm", True)
    assert "Strongest single attack: fgsm, which leaves 50.0% of 83.3%." in table(result)
    assert "decided" not in table(result)
    far = dataclasses.replace(THREAT, epsilon=1.0)
    result = evaluated(POINT_VICTIM, rest, 6, {"fgsm": fgsm(far)}, path, threat=far, **options)
    assert result["holds"] is False and "does not hold" in table(result)
    # Where nothing attacks it, nothing is said.
    assert "holds" not in evaluated(POINT_VICTIM, rest, 6, {}, path, **options)


def test_what_needs_no_gradient_asks_the_one_that_decides(tmp_path):
    """It is fooled by dark images; what is attacked by gradients never is."""

    def dark(x, seed):
        z = x[:, 0, 0, 0] - 0.7
        return {"logits": tf.stack([-z, z], axis=1)}

    def never(x, seed):
        return {"logits": tf.one_hot(tf.cast(x[:, 0, 0, 0] > -1, tf.int32), 2)}

    attacks = {"square": Square(THREAT, queries=20)}
    rest, path = batches(X, LABEL, 40), tmp_path / "r.json"
    assert evaluated(never, rest, COUNT, attacks, path, judging=dark)["robust_accuracy"] == 0


def test_an_ensembles_stages_multiply(tmp_path):
    attacks = {"both": Ensemble(THREAT, {"down": MOVED, "still": PGD(THREAT, steps=0)})}
    row = _evaluated(tmp_path / "r.json", attacks, decisions=5)["attacks"]["both"]
    assert row["stages"]["down"]["accuracy"] == pytest.approx(0.75 * 0.625, abs=0.05)
    assert row["stages"]["still"]["accuracy"] == row["accuracy"]
    assert row["accuracy"] == pytest.approx(0.75 * 0.625 * 0.75, abs=0.05)


def test_one_decision_is_as_before(tmp_path):
    result = _evaluated(tmp_path / "r.json")
    assert not {"control", "decisions", "standard_error"} & set(result)
    assert set(map(type, result["attacks"]["down"]["per_image"])) == {bool}


def test_a_stopped_one_goes_on_with_the_same_decisions(tmp_path):
    whole = _evaluated(tmp_path / "whole.json", decisions=3)
    with pytest.raises(KeyboardInterrupt):
        rest = Interrupted(batches(X, LABEL, 40), 4)
        _evaluated(tmp_path / "r.json", rest=rest, decisions=3)
    assert list(tmp_path.glob(".r.*.state.json"))
    again = _evaluated(tmp_path / "r.json", rest=batches(X, LABEL, 7), decisions=3)
    assert timeless(again) == timeless(whole)


def test_another_than_the_attacked_one_decides(tmp_path):
    """Attacks go through the points' network; what decides says 1, whatever it is shown."""

    def stubborn(x, seed):
        return {"logits": tf.one_hot(tf.ones_like(x[:, 0, 0, 0], tf.int32), 3)}

    rest, attacks = batches(POINTS, POINT_LABELS, 6), {"fgsm": fgsm(THREAT)}
    options = dict(decisions=1, judging=stubborn)
    result = evaluated(POINT_VICTIM, rest, 6, attacks, tmp_path / "r.json", **options)
    ones = (POINT_LABELS == 1).tolist()
    assert [row["per_image"] for row in result["attacks"].values()] == [ones, ones]
    alone = evaluated(POINT_VICTIM, rest, 6, attacks, tmp_path / "alone.json")
    assert alone["attacks"]["fgsm"]["accuracy"] == 3 / 6


def test_a_transfers_images_are_made_once(tmp_path):
    """Behind every judge the same ones; batches and standing images may differ."""
    made = []

    def source(x, seed):
        tf.py_function(lambda: made.append(1), [], [])
        return POINT_VICTIM(x, seed)

    attack = {"transfer": Transfer(PGD(THREAT, steps=2), source)}
    options = dict(keep_transfers=tmp_path / "kept")

    def judged(size, judging=None, count=6):
        rest = batches(POINTS, POINT_LABELS, size)
        path = tmp_path / "r.json"
        found = evaluated(source, rest, count, attack, path, judging=judging, **options)
        return found["attacks"]["transfer"]["per_image"]

    first = judged(4, POINT_VICTIM)
    before = len(made)
    assert before > 0 and judged(3, POINT_VICTIM) == first
    assert len(made) == before
    # Other images are added to those that are there.
    assert sorted(path.name for path in (tmp_path / "kept").glob("*/*.npz"))
    plain = evaluated(source, batches(POINTS, POINT_LABELS, 6), 6, attack, tmp_path / "p.json")
    assert plain["attacks"]["transfer"]["per_image"] == first


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
