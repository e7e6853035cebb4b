import os
from types import SimpleNamespace

import keras
import pytest
import tensorflow as tf

from robust_tf.errors import InputError
from robust_tf.experiment import asking
from robust_tf.plans import Asking
from tests.pictures import eyes, write

SHAPE = (2, 2, 3)


def plan(**given) -> Asking:
    nothing = {"input_name": None, "output_name": None, "image_size": None, "channels": None}
    how = {"signature": "serving_default", "crop": "none", "batch_size": 2, "seed": 0}
    return Asking(**{**nothing, **how, **given})


def always(logits):
    """A victim that says the same of every image."""
    return lambda x, seed: {"logits": tf.tile([logits], [tf.shape(x)[0], 1])}


@pytest.fixture
def paths(tmp_path):
    files = [tmp_path / "in" / f"{name}.png" for name in "abc"]
    for path in files:
        write(path, 1, 2, 3)
    return files


def ask(victim, paths, output, **settings) -> list[int]:
    answers = asking.Answers(victim, SHAPE, plan(), output / "labels.csv", settings)
    return answers.of(paths, "in").tolist()


def test_what_was_answered_is_not_asked_again(paths, tmp_path):
    first, second = always([1.0, 0.0]), always([0.0, 1.0])
    assert ask(first, paths, tmp_path, weights="w", loops=(1,)) == [0, 0, 0]
    assert ask(second, paths, tmp_path, weights="w", loops=(1,)) == [0, 0, 0]
    # Another model is.
    assert ask(second, paths, tmp_path, weights="v", loops=(1,)) == [1, 1, 1]


def test_what_is_missing_is_asked_when_it_goes_on(paths, tmp_path):
    whole = paths[1].read_bytes()
    paths[1].write_bytes(b"no image")
    assert ask(always([1.0, 0.0]), paths, tmp_path) == [0, asking.NO_CLASS, 0]
    paths[1].write_bytes(whole)
    assert ask(always([0.0, 1.0]), paths, tmp_path) == [0, 1, 0]


def test_no_number_is_no_answer(paths, tmp_path):
    assert ask(always([float("nan"), 1.0]), paths, tmp_path) == [asking.NO_CLASS] * 3


def test_an_image_draws_the_same_whatever_lies_beside_it(paths):
    together, alone = asking.seeds(paths, 3), asking.seeds(paths[2:], 3)
    assert together[2].numpy().tolist() == alone[0].numpy().tolist()
    assert len({tuple(pair) for pair in together.numpy().tolist()}) == 3


def test_other_files_under_the_same_names_are_seen(paths):
    before = asking.fingerprint(paths)
    assert asking.fingerprint(paths) == before
    os.utime(paths[0], ns=(1, 1))
    assert asking.fingerprint(paths) != before


def subject(path, **given):
    return asking.subject(SimpleNamespace(model=path, asking=plan(**given)))


def test_a_model_of_any_size_must_be_told_one(tmp_path):
    images = keras.Input((None, None, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(images)
    keras.Model(images, keras.layers.Dense(2)(pooled)).save(tmp_path / "any.keras")
    assert subject(tmp_path / "any.keras", image_size=5).image_shape == (5, 5, 3)
    with pytest.raises(InputError, match="takes images of any size; expected --image_size"):
        subject(tmp_path / "any.keras")


def test_a_model_of_one_size_cannot_be_told_another(tmp_path):
    eyes().save(tmp_path / "eyes.keras")
    assert subject(tmp_path / "eyes.keras", image_size=2, channels=3).image_shape == SHAPE
    for given in ({"image_size": 3}, {"channels": 1}):
        with pytest.raises(InputError, match="expected --image_size and --channels to say the"):
            subject(tmp_path / "eyes.keras", **given)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
