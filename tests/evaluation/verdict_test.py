"""Tests of robust_tf.evaluation.verdict: every line, by hand, suspicious and not."""

import dataclasses

import pytest

from robust_tf.evaluation.measured import Line, Measured
from robust_tf.evaluation.verdict import summary, verdict, verdict_table

EXAMPLES = 1000
QUIET = {"clean": 0.9, "fgsm": 0.6, "pgd-20": 0.5, "square": 0.55}


def _rows(accuracies: dict[str, float], examples: int = EXAMPLES) -> dict[str, dict]:
    """Rows whose first images are those that are right."""
    counts = {name: round(accuracy * examples) for name, accuracy in accuracies.items()}
    return {
        name: {
            "accuracy": accuracies[name],
            "per_image": [True] * count + [False] * (examples - count),
        }
        for name, count in counts.items()
    }


def _ensemble(**stages: float) -> dict:
    """A row of AutoAttack."""
    last = list(stages.values())[-1]
    found = {name.replace("_", "-"): {"accuracy": a, "seconds": 1.0} for name, a in stages.items()}
    return {**_rows({"autoattack": last})["autoattack"], "stages": found}


def _line(attacks: dict[str, dict], measure: str, **numbers) -> Line | None:
    lines = {line.measure: line for line in verdict(Measured(attacks, **numbers))}
    return lines.get(measure)


@pytest.mark.parametrize(
    ("changed", "measure", "value", "suspicious"),
    [
        ({}, "one step against many", "fgsm 60.0%, pgd-20 50.0%", False),
        ({"fgsm": 0.499}, "one step against many", "fgsm 49.9%, pgd-20 50.0%", False),
        ({"fgsm": 0.498}, "one step against many", "fgsm 49.8%, pgd-20 50.0%", False),
        ({"fgsm": 0.497}, "one step against many", "fgsm 49.7%, pgd-20 50.0%", True),
        ({"fgsm": 0.3, "cw-20": 0.2}, "one step against many", "fgsm 30.0%, cw-20 20.0%", False),
        ({"pgd-1": 0.4}, "one step against many", "pgd-1 40.0%, pgd-20 50.0%", True),
        ({}, "black-box against white-box", "square 55.0%, pgd-20 50.0%", False),
        ({"square": 0.498}, "black-box against white-box", "square 49.8%, pgd-20 50.0%", False),
        ({"square": 0.4}, "black-box against white-box", "square 40.0%, pgd-20 50.0%", True),
        ({"nattack": 0.2}, "black-box against white-box", "nattack 20.0%, pgd-20 50.0%", True),
        # One step is not what a black-box attack is measured by, nor is one without bounds.
        ({"fgsm": 0.3}, "black-box against white-box", "square 55.0%, pgd-20 50.0%", False),
        ({"cw-l2": 0.0, "deepfool": 0.0, "square": 0.4}, "black-box against white-box", None, True),
        (
            {"transfer:pgd-20@runs/twin": 0.6},
            "transfer against white-box",
            "transfer:pgd-20@runs/twin 60.0%, pgd-20 50.0%",
            False,
        ),
        (
            {"transfer:pgd-20@runs/twin": 0.4},
            "transfer against white-box",
            "transfer:pgd-20@runs/twin 40.0%, pgd-20 50.0%",
            True,
        ),
    ],
)
def test_attacks_against_each_other(changed, measure, value, suspicious):
    line = _line(_rows({**QUIET, **changed}), measure)
    assert line.suspicious == suspicious
    assert value is None or line.value == value


def test_of_few_images_one_is_no_difference():
    measure = "black-box against white-box"
    for square, suspicious in ((0.45, False), (0.4, True)):
        assert _line(_rows({**QUIET, "square": square}, 20), measure).suspicious == suspicious


@pytest.mark.parametrize(
    ("accuracies", "value"),
    [
        ({"clean": 0.9, "square": 0.5}, "white-box not run"),
        ({"clean": 0.9, "fgsm": 0.5}, "white-box not run"),
        ({"clean": 0.9, "pgd-20": 0.5}, "black-box not run"),
    ],
)
def test_what_was_not_run_is_said(accuracies, value):
    lines = verdict(Measured(_rows(accuracies)))
    assert [line.value for line in lines] == [value]
    assert summary(lines) == "Nothing was measured that could show masked gradients."


@pytest.mark.parametrize(
    ("stages", "value", "suspicious"),
    [
        ({"apgd_ce": 0.5, "fab_t": 0.45, "square": 0.45}, "autoattack +0.0%", False),
        ({"apgd_ce": 0.5, "fab_t": 0.45, "square": 0.448}, "autoattack -0.2%", False),
        ({"apgd_ce": 0.5, "fab_t": 0.45, "square": 0.447}, "autoattack -0.3%", True),
        # The stages after it are no matter.
        ({"fab": 0.45, "square": 0.4, "apgd_t": 0.1}, "autoattack -5.0%", True),
    ],
)
def test_square_after_the_white_box_stages(stages, value, suspicious):
    rows = {**_rows({"clean": 0.9}), "autoattack": _ensemble(**stages)}
    line = _line(rows, "Square after white-box")
    assert (line.value, line.suspicious) == (value, suspicious)


def test_an_ensemble_without_square_before_it_has_no_such_line():
    for stages in ({"apgd_ce": 0.5, "apgd_dlr": 0.4}, {"square": 0.5, "apgd_ce": 0.4}):
        rows = {**_rows({"clean": 0.9}), "autoattack": _ensemble(**stages)}
        assert _line(rows, "Square after white-box") is None


def test_stages_before_square_are_white_box_attacks_and_square_among_them_is_black_box():
    rows = {
        **_rows({"clean": 0.9, "transfer:pgd-20@runs/twin": 0.47}),
        "autoattack": _ensemble(apgd_ce=0.5, square=0.4, apgd_t=0.3),
    }
    line = _line(rows, "transfer against white-box")
    assert line.value == "transfer:pgd-20@runs/twin 47.0%, autoattack/apgd-ce 50.0%"
    assert line.suspicious
    assert _line(rows, "black-box against white-box") is None


def test_an_attack_on_two_outputs_is_still_one_attack():
    rows = _rows(QUIET)
    two = {"fgsm": {"accuracy": 0.7}, "fgsm@before_squeeze": {"accuracy": 0.4}}
    rows["fgsm"] |= {"accuracy": 0.4, "stages": two}
    line = _line(rows, "one step against many")
    assert (line.value, line.suspicious) == ("fgsm 40.0%, pgd-20 50.0%", True)


@pytest.mark.parametrize(
    ("numbers", "measure", "value", "suspicious"),
    [
        (dict(clean=0.9, fgsm=0.9), "FGSM against clean", "fgsm 90.0%, clean 90.0%", False),
        (dict(clean=0.9, fgsm=0.91), "FGSM against clean", "fgsm 91.0%, clean 90.0%", True),
        (dict(huge=0.0), "huge epsilon", "0.0% left", False),
        (dict(huge=0.01), "huge epsilon", "1.0% left", False),
        (dict(huge=0.02), "huge epsilon", "2.0% left", True),
        (dict(zero_gradients=0.0), "zero gradients", "0.0% of images", False),
        (dict(zero_gradients=0.001), "zero gradients", "0.1% of images", True),
        (dict(gradients=False), "gradients", "none", True),
    ],
)
def test_single_numbers(numbers, measure, value, suspicious):
    line = _line(_rows(QUIET), measure, **numbers)
    assert (line.value, line.suspicious) == (value, suspicious)


@pytest.mark.parametrize(
    ("fooled", "value", "suspicious"),
    [
        ([], "fools 0.0% of 200 left", False),
        # Attacks turned these as well.
        (range(200, 400), "fools 0.0% of 200 left", False),
        (range(2), "fools 1.0% of 200 left", False),
        (range(3), "fools 1.5% of 200 left", True),
    ],
)
def test_noise_counts_among_what_attacks_left_standing(fooled, value, suspicious):
    noise = [i not in fooled for i in range(400)]
    rows = _rows({"clean": 0.9, "pgd-20": 0.3, "autoattack": 0.2, "square": 0.1})
    line = _line(rows, "random noise", noise=noise)
    assert (line.value, line.suspicious) == (value, suspicious)


def test_noise_counts_among_what_any_attack_left_where_none_used_gradients():
    rows = _rows({"clean": 0.9, "square": 0.1})
    assert _line(rows, "random noise", noise=[False] * 400).value == "fools 100.0% of 100 left"
    nobody = _rows({"clean": 0.9, "square": 0.0})
    assert _line(nobody, "random noise", noise=[False] * 400) is None


@pytest.mark.parametrize(
    ("after", "value", "suspicious"),
    [
        ([0.5, 0.5], "50.0% after 1, 50.0% after 2", False),
        ([0.5, 0.48], "50.0% after 1, 48.0% after 2", True),
        ([0.6, 0.5, 0.495, 0.49], "60.0% after 1, 50.0% after 2, 49.0% after 4", False),
        ([0.6, 0.5, 0.48], "60.0% after 1, 50.0% after 2, 48.0% after 3", True),
    ],
)
def test_restarts(after, value, suspicious):
    line = _line(_rows(QUIET), "restarts", restarts=after)
    assert (line.value, line.suspicious) == (value, suspicious)


def test_one_run_has_no_restarts():
    assert _line(_rows(QUIET), "restarts", restarts=[0.5]) is None


@pytest.mark.parametrize(
    ("before", "after", "suspicious"), [(0.5, 0.51, False), (0.45, 0.5, True), (0.6, 0.5, False)]
)
def test_before_the_squeeze(before, after, suspicious):
    rows = _rows(QUIET)
    rows["pgd-20"]["outputs"] = {"logits": after, "both": before}
    line = _line(rows, "before the squeeze against after")
    assert line.value == f"pgd-20 {before:.1%} on both, {after:.1%} after it"
    assert line.suspicious == suspicious


def test_of_autoattack_the_squeeze_is_judged_stage_by_stage():
    accuracies = {
        "apgd-ce": 0.5,
        "apgd-ce@before_squeeze": 0.42,
        "apgd-t": 0.42,
        "apgd-t@before_squeeze": 0.41,
        "square": 0.4,
    }
    rows = {**_rows({"clean": 0.9}), "autoattack": _ensemble(**accuracies)}
    line = _line(rows, "before the squeeze against after")
    assert line.value == "autoattack's apgd-ce 42.0% on both, 50.0% after it"
    assert line.suspicious


def test_only_what_was_measured_has_a_line():
    everything = Measured(
        {
            **_rows({**QUIET, "transfer:pgd-20@runs/twin": 0.7}),
            "autoattack": _ensemble(apgd_ce=0.5, square=0.5),
        },
        clean=0.9,
        fgsm=0.6,
        huge=0.0,
        noise=[True] * 100,
        zero_gradients=0.0,
    )
    assert not any(line.suspicious for line in verdict(everything))
    assert len(verdict(everything)) == 8
    left_out = {"fgsm": "FGSM against clean", "huge": "huge epsilon", "noise": "random noise"}
    for number, measure in left_out.items():
        rest = verdict(dataclasses.replace(everything, **{number: None}))
        assert len(rest) == 7 and measure not in [line.measure for line in rest]


def test_a_sign_and_its_absence_mean_different_things():
    good, bad = (_line(_rows(QUIET), "huge epsilon", huge=left) for left in (0.0, 1.0))
    assert good.meaning != bad.meaning


SIGN = Line("huge epsilon", "90.0% left", True, "masked")
NO_SIGN = Line("zero gradients", "0.0% of images", False, "fine")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "Nothing was measured that could show masked gradients."),
        ([NO_SIGN], "Nothing suspicious in 1 measurement, which proves no robustness."),
        ([NO_SIGN] * 2, "Nothing suspicious in 2 measurements, which proves no robustness."),
        (
            [NO_SIGN, SIGN],
            "1 sign of masked gradients (huge epsilon): the network may be less robust than its "
            "accuracies under attack say.",
        ),
        (
            [SIGN, SIGN],
            "2 signs of masked gradients (huge epsilon; huge epsilon): the network may be less "
            "robust than its accuracies under attack say.",
        ),
    ],
)
def test_one_sentence_sums_up(lines, sentence):
    assert summary(lines) == sentence


def test_the_table():
    long = NO_SIGN._replace(meaning="a meaning of more than 40 characters, which is wrapped")
    table = verdict_table([SIGN, long])
    assert table.splitlines() == [
        "gradient masking    measured                    meaning",
        f"------------------  --------------  ----------  {'-' * 37}",
        "huge epsilon        90.0% left      suspicious  masked",
        "zero gradients      0.0% of images              a meaning of more than 40 characters,",
        "                                                which is wrapped",
        "",
        summary([SIGN, long]),
    ]
    assert verdict_table([]) == summary([])


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
