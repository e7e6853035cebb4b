"""The same global batch and seed give the same weights on any number of workers."""

import pytest

from tests.commands.running import difference, train

SHORT = ("--epochs=2", "--steps_per_epoch=4", "--lr=0.05", "--val_attack=clean")
PGD = ("--method=pgd_at", "--attack_steps=3", "--precision=float64")


def test_workers_end_with_the_weights_of_one(tmp_path):
    """PGD-AT with random start and synchronized batch norm, in float64.

    Two workers are in method_workers_test.py, with every method.
    """
    flags = (*SHORT, *PGD, "--sync_bn")
    one = train(tmp_path / "one", *flags)
    assert difference(one, train(tmp_path / "four", *flags, workers=4)) < 1e-9


def test_workers_agree_in_float32_without_an_attack(tmp_path):
    """With ELU: where a ReLU's input is 0 but for rounding, its gradient is 0 or 1 by the last bit.

    Digits have that at all of their black pixels at once (seed 0, updates 5 to 8: 0.02 apart).
    """
    flags = (*SHORT, "--method=standard", "--sync_bn", "--activation=elu")
    one = train(tmp_path / "one", *flags)
    assert difference(one, train(tmp_path / "two", *flags, workers=2)) < 1e-5
    assert difference(one, train(tmp_path / "four", *flags, workers=4)) < 1e-5


def test_accumulation_is_the_same_batch(tmp_path):
    """Without batch norm, four micro-batches are one batch; averaging counts updates."""
    flags = (*SHORT, *PGD, "--network=cnn-small", "--ema=0.9", "--weight_decay=0.001")
    one = train(tmp_path / "one", *flags)
    assert difference(one, train(tmp_path / "parts", *flags, "--accumulate=4")) < 1e-9
    # Twice the same command: the same bits.
    assert difference(one, train(tmp_path / "again", *flags)) == 0


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
