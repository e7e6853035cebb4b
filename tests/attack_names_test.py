"""Tests of robust_tf.attack_names."""

import pytest

from robust_tf.attack_names import (
    AttackName,
    can_aim,
    gradient_free,
    parse,
    parse_for_validation,
    rows,
)
from robust_tf.errors import InputError


def test_names_by_hand():
    assert parse("fgsm") == AttackName("fgsm", "fgsm")
    assert parse("pgd-20") == AttackName("pgd-20", "pgd", (20,))
    assert parse("pgd-targeted-50") == AttackName("pgd-targeted-50", "pgd-targeted", (50,))
    assert parse("cw-10/50/100") == AttackName("cw-10/50/100", "cw", (10, 50, 100))
    parts = (AttackName("apgd-ce", "apgd-ce"), AttackName("pgd-5", "pgd", (5,)))
    assert parse("apgd-ce+pgd-5") == AttackName("apgd-ce+pgd-5", "ensemble", parts=parts)
    # A path may hold what composes names.
    name = "transfer:pgd-5@runs/a+b@2"
    assert parse(name) == AttackName(name, "transfer", parts=parts[1:], source="runs/a+b@2")


def test_fewer_steps_by_hand():
    assert parse("apgd-t-20") == AttackName("apgd-t-20", "apgd-t", run=20)
    assert parse("fab-t-7") == AttackName("fab-t-7", "fab-t", run=7)
    all_of_it = AttackName("apgd-lf:-3.16-20-eot2", "apgd-lf", weight=-3.16, run=20, eot=2)
    assert parse("apgd-lf:-3.16-20-eot2") == all_of_it
    # A weight may be an integer.
    assert parse("apgd-lf:-100") == AttackName("apgd-lf:-100", "apgd-lf", weight=-100)
    assert rows(["apgd-t-20", "pgd-5"]) == ["apgd-t-20", "pgd-5"]
    for text in ("apgd-t-0", "apgd-t-20-20", "apgd-t-5/10", "square-20", "apgd-lf:-20-x"):
        with pytest.raises(InputError, match=f"{text} is no attack"):
            parse(text)


def test_averages_and_weights_by_hand():
    name = "apgd-dlr-eot10"
    assert parse(name) == AttackName(name, "apgd-dlr", eot=10)
    assert parse("apgd-lf:-3.16") == AttackName("apgd-lf:-3.16", "apgd-lf", weight=-3.16)
    both = AttackName("apgd-lf:0.1-eot2", "apgd-lf", weight=0.1, eot=2)
    assert parse("apgd-lf:0.1-eot2") == both
    whole = "transfer:apgd-lf:0.1-eot2@noise"
    assert parse(whole) == AttackName(whole, "transfer", parts=(both,), source="noise")
    with pytest.raises(InputError, match="square-eot5 cannot be; only apgd-ce, apgd-dlr, "):
        parse("square-eot5")
    for text in ("apgd-lf", "apgd-lf:x", "apgd-ce-eot0", "apgd-ce:1"):
        with pytest.raises(InputError, match=f"{text} is no attack"):
            parse(text)


@pytest.mark.parametrize(
    "name",
    ["pgd", "pgd-0", "pgd-", "pgd-1.5", "cw--3", "PGD-20", "", "autoatack", "pgd-5/", "fgsm+", "+"],
)
def test_an_unknown_name_gets_its_sentence(name):
    with pytest.raises(InputError, match="is no attack; expected one of clean, fgsm, "):
        parse(name)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("autoatack", "autoattack"), ("pdg-7", "pgd-7"), ("deep-fool", "deepfool")],
)
def test_the_nearest_name_is_proposed(name, nearest):
    with pytest.raises(InputError, match=f"^{name} is no attack; .*, perhaps {nearest}.$"):
        parse(name)


def test_sweeps_ascend():
    with pytest.raises(InputError, match="pgd-50/10 must name its numbers of steps in ascending"):
        parse("pgd-50/10")


@pytest.mark.parametrize("name", ["transfer:pgd-5", "transfer:pgd-5@"])
def test_a_transfer_needs_its_source(name):
    with pytest.raises(InputError, match="names no source; expected transfer:pgd-5@RUN_DIR"):
        parse(name)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("transfer:autoattack@runs/a", "autoattack stops where its source is fooled"),
        ("transfer:deepfool@runs/a", "deepfool stops where its source is fooled"),
        ("transfer:pgd-5/10@runs/a", "expected one number of steps in pgd-5/10"),
        ("fgsm+pgd-5/10", "fgsm[+]pgd-5/10 has a sweep in it"),
        ("pgd-5+fgsm+pgd-5", "names a part twice"),
        ("pgd-multitargeted-5/10", "is no sweep: it begins anew for each class"),
    ],
)
def test_what_does_not_compose_gets_its_sentence(name, sentence):
    with pytest.raises(InputError, match=sentence):
        parse(name)


def test_rows_and_aims():
    assert rows(["fgsm", "pgd-5/10", "apgd-ce+pgd-5"]) == [
        "fgsm",
        "pgd-5",
        "pgd-10",
        "apgd-ce+pgd-5",
    ]
    aimed = ("fgsm", "cw-5/10", "mifgsm-5", "transfer:pgd-5@runs/a")
    assert all(can_aim(parse(name)) for name in aimed)
    assert not any(can_aim(parse(name)) for name in ("apgd-t", "autoattack", "fgsm+pgd-5"))


def test_validation_takes_one_attack_on_the_network_itself():
    assert parse_for_validation("apgd-ce+square").kind == "ensemble"
    for name in ("pgd-5/10", "transfer:pgd-5@runs/a", "cw-l2", "shift-5", "fgsm+deepfool"):
        with pytest.raises(InputError, match="is for evaluate; expected one attack"):
            parse_for_validation(name)


def test_what_needs_no_gradients():
    free = ("clean", "square", "nattack", "square+nattack", "transfer:pgd-5@runs/a")
    assert all(gradient_free(parse(name)) for name in free)
    assert not any(gradient_free(parse(name)) for name in ("fgsm", "square+fgsm", "autoattack"))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
