"""AutoAttack on the public network of the golden numbers leaves as few images as the public code.

The first 100 of the 500 images: results/golden.py takes all of them, and attacks alone.
"""

import numpy as np
import pytest

from robust_tf.attacks import autoattack
from robust_tf.threat import Threat
from robust_tf.victim import network_victim
from tests import golden
from tests.evaluation.judging import batches, evaluated

THREAT = Threat("Linf", 8 / 255)
COUNT = 100


@pytest.mark.skipif(not golden.SHARED.exists(), reason=golden.MISSING)
def test_agrees_with_the_public_code_image_by_image(tmp_path):
    reference, (x, label) = golden.reference(), golden.images()
    victim = network_victim(golden.network())
    np.testing.assert_allclose(victim(x, None)["logits"], reference["logits"], atol=1e-4)
    attacks = {"autoattack": autoattack(THREAT, judge=True)}
    rest = batches(x, label, 250)
    result = evaluated(victim, rest, COUNT, attacks, tmp_path / "r.json", threat=THREAT)
    rows = result["attacks"]
    assert rows["clean"]["per_image"] == reference["clean"][:COUNT].tolist()
    stages = rows["autoattack"]["stages"]
    for ours, theirs in (("apgd-ce", "apgd_ce"), ("apgd-t", "apgd_t"), ("square", "square")):
        assert stages[ours]["accuracy"] <= reference[theirs][:COUNT].mean() + 0.01
    standing = np.array(rows["autoattack"]["per_image"])
    assert np.sum(standing != reference["square"][:COUNT]) <= 1


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
