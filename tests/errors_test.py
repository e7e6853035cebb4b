"""Tests of robust_tf.errors."""

import pytest

from robust_tf.errors import InputError, unknown

KNOWN = {"digits": 1, "mnist": 2, "cifar10": 3}


@pytest.mark.parametrize(("name", "nearest"), [("digit", "digits"), ("cifar-10", "cifar10")])
def test_a_near_miss_is_answered_with_the_nearest_name(name, nearest):
    expected = f"--dataset={name} is unknown; did you mean {nearest}?"
    assert str(unknown("--dataset", name, KNOWN)) == expected


@pytest.mark.parametrize("name", ["imagenet", "", "7"])
def test_what_is_like_none_of_them_is_answered_with_all(name):
    expected = f"--dataset={name} is unknown; expected one of digits, mnist, cifar10."
    assert str(unknown("--dataset", name, KNOWN)) == expected


def test_it_is_the_error_of_bad_input_and_a_value_error():
    assert type(unknown("--norm", "L1", ("L2", "Linf"))) is InputError
    assert issubclass(InputError, ValueError)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
