"""Tests of robust_tf.experiment.evaluation: what becomes of a plan's attacks."""

import dataclasses
import types

import pytest

from robust_tf.attacks import PGD
from robust_tf.evaluation.sanity import Findings
from robust_tf.experiment.evaluation import _attacks
from robust_tf.threat import Threat

THREAT = Threat("Linf", 0.1)
PLAN = {
    **dict(model="m", attacks=("pgd-5", "apgd-t"), attacked_output="auto", targeted="none"),
    **dict(step_size=None, step_rule="quarter", start=None, restarts=1, kappa=50.0),
    **dict(shift_weight=10.0, quantize=False, save_adversarial=None, seed=0, queries=None),
    **dict(defense=types.SimpleNamespace(defense="none"), defense_attacked_cap=None),
    "defense_attacked_beta": None,
}
ACTIVE = types.SimpleNamespace(defense="active")
PLAIN = Findings(False, False, False, False, True, 0.0, 10)
SQUEEZED = PLAIN._replace(bounded=True, before_squeeze=True)
SUBJECT = types.SimpleNamespace(network=None)


def _built(findings: Findings = PLAIN, **changed) -> dict:
    plan = types.SimpleNamespace(**PLAN | changed)
    return _attacks(plan, SUBJECT, findings, THREAT, None)


@pytest.mark.parametrize(
    ("findings", "changed", "judge"),
    [
        (PLAIN, {}, True),
        (PLAIN._replace(random=True), {}, False),
        (PLAIN, {"quantize": True}, False),
        (PLAIN, {"save_adversarial": "folder"}, False),
        (PLAIN, {"defense": ACTIVE}, True),
        (PLAIN, {"defense": ACTIVE, "defense_attacked_cap": 5}, False),
        (PLAIN, {"defense": ACTIVE, "defense_attacked_beta": 5.0}, False),
    ],
)
def test_images_leave_only_where_the_attacked_network_alone_judges(findings, changed, judge):
    assert [attack.judge for attack in _built(findings, **changed).values()] == [judge, judge]


def test_a_bounded_head_is_attacked_on_both_sides_unless_told():
    both = _built(SQUEEZED, attacks=("pgd-5",))["pgd-5"]
    assert list(both.stages) == ["pgd-5", "pgd-5@before_squeeze"]
    plain = PGD(THREAT, steps=5, judge=True)
    assert _built(SQUEEZED, attacked_output="logits")["pgd-5"] == plain
    one = _built(SQUEEZED, attacked_output="before_squeeze")["pgd-5"]
    assert one == dataclasses.replace(plain, loss=one.loss) and "before_squeeze" in str(one.loss)


@pytest.mark.parametrize(
    ("findings", "changed", "sentence"),
    [
        (PLAIN._replace(gradients=False), {}, "gives no gradients, which pgd-5, apgd-t needs"),
        (PLAIN._replace(classes=3), {}, "apgd-t needs 4 classes, and --model=m has 3"),
        (PLAIN, {"attacked_output": "before_squeeze"}, "needs a network with a Tanh head"),
        (PLAIN, {"attacks": ("apgd-lf:1",)}, "expected transfer:apgd-lf:1@bare, or @noise"),
        (PLAIN, {"attacks": ("transfer:apgd-steps@bare",)}, "with --defense=active"),
        (PLAIN, {"attacks": ("apgd-steps",), "defense": ACTIVE}, "transfer:apgd-steps@bare"),
    ],
)
def test_what_the_model_cannot_meet_is_refused_before_anything_runs(findings, changed, sentence):
    with pytest.raises(ValueError, match=sentence):
        _built(findings, **changed)


def test_queries_are_those_of_the_black_box_attacks():
    found = _built(attacks=("square", "nattack", "pgd-5"), queries=700)
    assert found["square"].queries == 700
    # 1 + 36 * (18 + 1) of them.
    assert (found["nattack"].population, found["nattack"].steps) == (18, 36)
    most = _built(attacks=("nattack",), queries=1 + 200 * 301)["nattack"]
    assert (most.population, most.steps) == (300, 200)
    papers = _built(attacks=("square", "nattack"))
    assert (papers["square"].queries, papers["nattack"].steps) == (5000, 200)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
