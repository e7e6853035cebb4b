"""Tests of robust_tf.serving.client.answers: outputs to answers, by hand."""

import math

import pytest

from robust_tf.serving.client.answers import Answer, Answers, Failure, Guess
from robust_tf.serving.client.failures import RequestFailed
from robust_tf.serving.client.signatures import Signature

PLAIN = Signature("encoded", "image_bytes", ("logits", "probabilities"), 4)
DEFENDED = Signature("defended", "image_bytes", ("converged", "probabilities", "steps"), 4)


def test_the_most_probable_come_first_and_equals_by_their_number():
    answers = Answers(PLAIN, 3, [])
    (answer,) = answers.read(["a"], {"probabilities": [[0.125, 0.375, 0.125, 0.375]]})
    assert answer == Answer(
        "a", (Guess(1, 0.375, None), Guess(3, 0.375, None), Guess(0, 0.125, None))
    )


def test_more_classes_than_there_are_are_all_of_them():
    (answer,) = Answers(PLAIN, 9, []).read(["a"], {"probabilities": [[0.0, 1.0]]})
    assert [guess.label for guess in answer.top] == [1, 0]


def test_steps_and_convergence_stand_with_their_image_and_names_with_their_class():
    outputs = {
        "probabilities": [[0.75, 0.25], [0.0, 1.0]],
        "steps": [7, 1000],
        "converged": [True, False],
        "induced": [0.1, 0.2],
    }
    assert Answers(DEFENDED, 1, ["cat"]).read(["a", "b"], outputs) == [
        Answer("a", (Guess(0, 0.75, "cat"),), 7, True),
        Answer("b", (Guess(1, 1.0, None),), 1000, False),
    ]


@pytest.mark.parametrize(
    "wrong", [[math.nan, 1.0], [math.inf, 0.0], [], "text", 3, [None], [[1.0]]]
)
def test_an_image_without_numbers_fails_alone(wrong):
    first, second = Answers(PLAIN, 1, []).read(["a", "b"], {"probabilities": [wrong, [1.0]]})
    assert first == Failure("a", "The server's probabilities are no finite numbers.")
    assert second == Answer("b", (Guess(0, 1.0, None),))


@pytest.mark.parametrize(
    "outputs",
    [None, [[1.0]], {}, {"probabilities": [[1.0]]}, {"probabilities": 1.0}],
)
def test_other_rows_than_images_are_refused(outputs):
    with pytest.raises(RequestFailed, match="probabilities has not one row for each of 2 images"):
        Answers(PLAIN, 1, []).read(["a", "b"], outputs)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
