"""Tests of robust_tf.evaluation.cautions: what is said of each finding, and when nothing is."""

import pytest

from robust_tf.evaluation.cautions import kind, warnings
from robust_tf.evaluation.sanity import Findings

ORDINARY = Findings(False, False, False, False, True, 0.0, 10)
ATTACKS = ["clean", "pgd-20", "square"]


@pytest.mark.parametrize(
    ("name", "looks_at"),
    [
        ("clean", "clean"),
        ("fgsm", "white-box"),
        ("pgd-targeted-50", "white-box"),
        ("fab-t", "white-box"),
        ("cw-100", "white-box"),
        ("cw-l2", "unbounded"),
        ("deepfool", "unbounded"),
        ("square", "black-box"),
        ("nattack", "black-box"),
        ("autoattack-rand", "ensemble"),
        ("apgd-ce+square", "ensemble"),
        ("apgd-ce+fab-t", "white-box"),
        ("square+nattack", "black-box"),
        ("transfer:pgd-20@runs/a+b", "transfer"),
        ("transfer:square@runs/one", "transfer"),
    ],
)
def test_what_attacks_look_at(name, looks_at):
    assert kind(name) == looks_at


def test_an_ordinary_victim_is_not_warned_of():
    names = [*ATTACKS, "apgd-t", "fab-t", "autoattack", "autoattack-rand", "deepfool"]
    assert warnings(ORDINARY, names) == []


@pytest.mark.parametrize(
    ("found", "attacks", "beginning", "end"),
    [
        ({"random": True}, ATTACKS, "The same images gave", "pgd-20, square may flatter it."),
        ({"probabilities": True}, ATTACKS, "Every image's logits lie in", "logits instead."),
        (
            {"bounded": True},
            ATTACKS,
            "No logit is larger than 1",
            "pgd-20 only after its squeeze, which flatters it.",
        ),
        (
            {"bounded": True, "before_squeeze": True},
            ["fgsm", "autoattack"],
            "No logit is larger than 1",
            "before its squeeze (before_squeeze) it meets fgsm, autoattack as well.",
        ),
        (
            {"zero_gradients": 0.125},
            ["pgd-20"],
            "The gradient of cross-entropy or of DLR is zero in every pixel of 12.5% of the images",
            "pgd-20 can find no way there; run square as well.",
        ),
        ({"zero_gradients": 0.125}, ATTACKS, "The gradient of", "trust square more."),
        (
            {"gradients": False, "zero_gradients": None},
            [*ATTACKS, "transfer:pgd-20@runs/one"],
            "The victim has no gradient",
            "transfer attacks are possible, and pgd-20 are not.",
        ),
        ({"classes": 3}, ["apgd-t", "fab-t"], "The victim has 3 classes: apgd-t cannot run", None),
        ({"classes": 3}, ["apgd-ce+apgd-t"], "The victim has 3 classes: apgd-t cannot run", None),
        ({"classes": 3}, ["apgd-t-20-eot2"], "The victim has 3 classes: apgd-t-20-eot2 ", None),
        ({"classes": 9}, ["fab-t-20"], "The victim has 9 classes: fab-t-20 aim", "not at 9."),
        ({"classes": 2}, ["autoattack-rand"], "The victim has 2 classes: autoattack-rand", None),
        (
            {"classes": 9},
            ["autoattack", "pgd-20"],
            "The victim has 9 classes: autoattack aim",
            "at its 8 wrong ones and not at 9.",
        ),
    ],
)
def test_each_finding_has_its_sentence(found, attacks, beginning, end):
    said = warnings(ORDINARY._replace(**found), attacks)
    assert said[0].startswith(beginning)
    assert end is None or (said[0].endswith(end) and len(said) == 1)
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in said)


@pytest.mark.parametrize(
    ("found", "attacks"),
    [
        (
            {"random": True},
            ["clean", "autoattack-rand", "apgd-ce-eot10", "transfer:apgd-t-eot2@noise"],
        ),
        ({"probabilities": True, "bounded": True}, ["clean", "square"]),
        ({"gradients": False, "zero_gradients": None}, ["square", "transfer:pgd-20@runs/one"]),
        ({"zero_gradients": 1.0}, ["nattack"]),
        ({"classes": 3}, ["apgd-ce", "square", "autoattack-rand", "apgd-dlr-20"]),
        (dict(random=True, probabilities=True, zero_gradients=1.0, classes=2), ["clean"]),
    ],
)
def test_nothing_is_said_where_it_does_not_matter(found, attacks):
    assert warnings(ORDINARY._replace(**found), attacks) == []


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
