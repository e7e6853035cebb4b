"""The lines are the public AutoAttack's, byte for byte."""

from robust_tf.evaluation import public_lines

STANDARD = ["apgd-ce", "apgd-t", "fab-t", "square"]


def test_every_line():
    assert public_lines.opening("autoattack", STANDARD, 0.92) == (
        "setting parameters for standard version\n"
        "using standard version including apgd-ce, apgd-t, fab-t, square.\n"
        "initial accuracy: 92.00%"
    )
    said = public_lines.batch("apgd-ce", number=1, count=1, fooled=19, images=46)
    assert said == "apgd-ce - 1/1 - 19 out of 46 successfully perturbed"
    said = public_lines.after("apgd-ce", 0.54, 10.27)
    assert said == "robust accuracy after APGD-CE: 54.00% (total time 10.3 s)"
    assert public_lines.closing("Linf", 8 / 255, 0.0, 1.0, 0.52) == (
        "max Linf perturbation: 0.03137, nan in tensor: 0, max: 1.00000, min: 0.00000\n"
        "robust accuracy: 52.00%"
    )


def test_versions_have_their_names_and_other_ensembles_are_custom():
    first = [public_lines.opening(f"autoattack{v}", ["square"], 1.0) for v in ("-plus", "-rand")]
    assert [said.splitlines()[0] for said in first] == [
        "setting parameters for plus version",
        "setting parameters for rand version",
    ]
    said = public_lines.opening("fab-t+square", ["fab-t", "square"], 0.5)
    assert said == "using custom version including fab-t, square.\ninitial accuracy: 50.00%"
