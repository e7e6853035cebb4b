"""Tests of robust_tf.serving.client.signatures: which signatures can be asked about files."""

import pytest

from robust_tf.errors import InputError
from robust_tf.serving.client.signatures import Signature, choose


def described(inputs: list[str], outputs: dict[str, list[int] | None]) -> dict:
    """A signature as REST describes it; a shape of None is of unknown rank."""
    shapes = {
        name: {"unknown_rank": True}
        if sides is None
        else {"dim": [{"size": str(side), "name": ""} for side in sides]}
        for name, sides in outputs.items()
    }
    return {
        "inputs": {name: {"dtype": "DT_STRING"} for name in inputs},
        "outputs": {name: {"tensor_shape": shape} for name, shape in shapes.items()},
    }


PLAIN = {"classes": [-1], "probabilities": [-1, 10], "logits": [-1, 10]}
LISTED = {
    "__saved_model_init_op": described([], {"__saved_model_init_op": None}),
    "serving_default": described(["images"], PLAIN),
    "encoded": described(["image_bytes"], PLAIN),
    "encoded_defended": described(["image_bytes"], {**PLAIN, "steps": [-1], "converged": [-1]}),
    "seeded": described(["image_bytes", "seeds"], PLAIN),
    "bare": described(["image_bytes"], {"logits": [-1, 10]}),
    "open": described(["x_bytes"], {"probabilities": [-1, -1]}),
    "vague": described(["x_bytes"], {"probabilities": None}),
}


@pytest.mark.parametrize(
    ("name", "expected", "shown"),
    [
        (
            "encoded",
            Signature("encoded", "image_bytes", ("classes", "logits", "probabilities"), 10),
            ("probabilities",),
        ),
        (
            "encoded_defended",
            Signature(
                "encoded_defended",
                "image_bytes",
                ("classes", "converged", "logits", "probabilities", "steps"),
                10,
            ),
            ("probabilities", "steps", "converged"),
        ),
        ("open", Signature("open", "x_bytes", ("probabilities",), None), ("probabilities",)),
        ("vague", Signature("vague", "x_bytes", ("probabilities",), None), ("probabilities",)),
    ],
)
def test_what_takes_files_is_taken(name, expected, shown):
    assert choose(LISTED, name) == expected
    assert expected.shown == shown


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("encode", "--signature=encode is unknown; did you mean encoded?"),
        ("serving_default", "takes images; expected one whose only input is image files"),
        ("serving_default", "such as bare or encoded or encoded_defended or open or vague."),
        ("seeded", "--signature=seeded takes image_bytes, seeds; expected one whose only input"),
        ("bare", "--signature=bare gives logits; expected probabilities among them."),
        ("__saved_model_init_op", "--signature=__saved_model_init_op is unknown"),
    ],
)
def test_others_are_refused_with_a_name_that_fits(name, sentence):
    with pytest.raises(InputError) as failure:
        choose(LISTED, name)
    assert sentence in str(failure.value)


def test_a_model_without_any_is_told_so():
    with pytest.raises(InputError, match="a name that ends in _bytes; the model has none.$"):
        choose({"serving_default": LISTED["serving_default"]}, "serving_default")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
