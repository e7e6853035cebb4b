"""The same global batch and seed give the same weights on one worker and on two.

What four make of it, of 4,096 images, is in results/caad.sh: TensorFlow's start takes them longer
than all of this.
"""

import json
import sys

import numpy as np
import pytest

from robust_tf.data.sources import load
from robust_tf.methods import METHODS
from tests.commands.running import command, difference, here, run, state
from tests.commands.trainings import FLAGS, OTHER_IMAGES, WHOLE_RUN
from tests.linear import linear_network

TRAININGS = {
    1: FLAGS,
    2: (*METHODS, "float32", WHOLE_RUN, "recipe_in_parts", OTHER_IMAGES),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Where the trainings on a number of workers have left what they end with."""
    folders = {}
    for workers, names in TRAININGS.items():
        folders[workers] = tmp_path_factory.mktemp(f"on_{workers}")
        line = (sys.executable, "-m", "tests.commands.trainings", str(folders[workers]), *names)
        run(*line) if workers == 1 else run("tools/launch_local", str(workers), "--", *line)
    return folders


@pytest.fixture(scope="module")
def trained(folders):
    """The state that a training on a number of workers ends with."""
    return lambda name, workers=1: state(folders[workers] / name)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_ends_on_two_workers_with_the_weights_of_one(method, trained):
    """Its averages and its optimizer's state too, with synchronized batch norm, in float64."""
    assert difference(trained(method), trained(method, workers=2)) < 1e-9


def test_a_run_on_two_workers_ends_with_the_weights_of_one(trained):
    """All that the command does, with PGD-AT from a random start, in float64."""
    assert difference(trained(WHOLE_RUN), trained(WHOLE_RUN, workers=2)) < 1e-9


def test_parts_on_two_workers_are_the_batch_of_one(trained):
    """With paper 1's attack: random targets, and a start that blocks of images share."""
    assert difference(trained("recipe"), trained("recipe_in_parts", workers=2)) < 1e-9


def test_workers_agree_in_float32_without_an_attack(trained):
    """With ELU: where a ReLU's input is 0 but for rounding, its gradient is 0 or 1 by the last bit.

    Digits have that at all of their black pixels at once (seed 0, updates 5 to 8: 0.02 apart).
    """
    assert difference(trained("float32"), trained("float32", workers=2)) < 1e-5


def test_workers_with_images_of_their_own_are_all_refused(folders):
    for worker in range(2):
        said = (folders[2] / f"{OTHER_IMAGES}-{worker}.txt").read_text()
        assert "does not hold the same images for all workers: this one trains on 1," in said
    assert not list((folders[2] / OTHER_IMAGES).rglob("*.*"))


def test_an_evaluation_by_two_workers_is_that_of_one(tmp_path):
    """Of a number of images that two do not divide, each judged once; a worker has its own part."""
    digits = load("digits", "train")
    x = np.stack([digits.image(i).ravel() / 255 for i in range(len(digits))])
    # The nearest mean, which is right of most digits and of some attacked ones.
    means = np.stack([x[digits.labels == k].mean(axis=0) for k in range(10)])
    network = linear_network(2 * means.T, -np.square(means).sum(axis=1), shape=(8, 8, 1))
    network.save(tmp_path / "network.keras")
    line = (f"--model={tmp_path}/network.keras", "--dataset=digits", "--examples=21", "--eps=0.1")
    line += ("--attacks=pgd-3,square", "--queries=20", "--batch_size=4", "--noverdict")
    together = (*line, f"--output={tmp_path}/together.json")
    assert here("evaluate", *line, f"--output={tmp_path}/alone.json") == 0
    done = run("tools/launch_local", "2", "--", *command("evaluate", *together))
    assert "[1] Part 2 of 2 is done; worker 0 writes the result." in done.stdout
    alone, both = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("alone", "together"))
    assert both["examples"] == 21 and both["workers"] == 2
    for name, row in alone["attacks"].items():
        assert both["attacks"][name]["per_image"] == row["per_image"], name
    assert 0 < alone["robust_accuracy"] == both["robust_accuracy"] < 1
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "alone.json",
        "network.keras",
        "together.json",
    ]


def test_accumulation_is_the_same_batch(trained):
    """Without batch norm, four micro-batches are one batch; averages and the rate count updates.

    That twice the same command gives the same bits is in resume_test.py.
    """
    assert difference(trained("batches"), trained("accumulated")) < 1e-9


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
