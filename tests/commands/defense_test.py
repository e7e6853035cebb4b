"""Active Defense as a user types it: train with smoothing, calibrate, evaluate, export."""

import json

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import draws, networks
from robust_tf.defenses import ActiveDefense, defended_victim
from robust_tf.victim import network_victim
from tests.commands.running import TINY, command, here, refusal, run
from tests.serving.served import serve, signatures

SMOOTH = ("--method=smoothing", "--smoothing_delta=0.1", "--epochs=2", "--steps_per_epoch=20")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A short training with smoothing, calibrated."""
    folder = tmp_path_factory.mktemp("run")
    run(*command("train", *TINY, *SMOOTH, "--seed=1", f"--run_dir={folder}", "--export_dir=none"))
    done = run(*command("calibrate", f"--model={folder}", "--defense_sigma=0.2"))
    assert "the median of 100 images takes" in done.stdout
    assert f"Written to {folder}/active_defense.cfg" in done.stdout
    return folder


def _calibrated(run_dir) -> dict[str, float]:
    lines = (run_dir / "active_defense.cfg").read_text().splitlines()
    found = dict(line.removeprefix("--defense_").split("=") for line in lines)
    assert found.pop("layer") == "group0"
    return {name: float(value) for name, value in found.items()}


def _network(run_dir):
    return networks.load(run_dir, dtype="float32")


def test_evaluate_takes_what_was_calibrated_and_says_who_decided_how_often(run_dir, tmp_path):
    attacks = "--attacks=transfer:pgd-3@bare,transfer:cw-2@noise,pgd-2"
    line = ("evaluate", f"--model={run_dir}", "--defense=active", "--examples=12")
    options = ("--decisions=2", "--submissions=1,6", "--defense_cap=30", "--noverdict")
    kept = f"--keep_transfers={tmp_path}/kept"
    done = run(*command(*line, attacks, *options, kept, f"--output={tmp_path}/r.json"))
    result = json.loads((tmp_path / "r.json").read_text())
    found = _calibrated(run_dir)
    expected = {"defense": "active", "layer": "group0", **found, "cap": 30, "clip": False}
    assert result["defense"] == {
        **expected,
        "loops": 1,
        "attacked_cap": None,
        "attacked_beta": None,
    }
    # Decided as clean and by three attacks.
    assert result["decisions"] == {"clean": 6, "attacked": 2}
    assert list(result["control"]) == ["2", "4"]
    rows = result["attacks"]
    assert rows["pgd-2"]["accuracy"] <= rows["clean"]["accuracy"]
    assert 0 < rows["clean"]["defense"]["most_steps"] <= 30
    for said in (
        "control: clean, decided 4 times",
        "decided 2 times",
        "Strongest single attack",
    ):
        assert said in done.stdout
    assert len(list((tmp_path / "kept").glob("*/*.npz"))) == 2
    # Without the loop the same images are judged.
    noise = (*options[:2], "--defense_cap=0", kept, f"--output={tmp_path}/noise.json")
    assert here(*line, "--noverdict", attacks.replace(",pgd-2", ""), *noise) == 0
    row = json.loads((tmp_path / "noise.json").read_text())["attacks"]["transfer:pgd-3@bare"]
    assert row["hyperparameters"] == rows["transfer:pgd-3@bare"]["hyperparameters"]
    assert row["defense"]["most_steps"] == 0


def test_an_export_decides_as_the_defence_in_python(run_dir, tmp_path):
    options = ("--defense_seeded", "--defense_cap=50", "--defense_loops=2,3")
    line = ("export", f"--model={run_dir}", f"--export_dir={tmp_path}", "--defense=active")
    assert here(*line, *options) == 0
    version = tmp_path / "1"
    names = set(signatures(version))
    assert {"serving_default", "defended", "encoded_defended", "defended_seeded"} <= names
    assert {"defended_3", "pixels_defended_3", "defended_3_seeded"} <= names
    x = np.random.default_rng(0).uniform(size=(3, 8, 8, 1)).astype(np.float32)
    seeds = draws.image_seeds(5, 0, tf.range(3))
    *answers, plain = serve(
        version,
        [
            ("defended_seeded", {"images": x, "seeds": seeds.numpy()}),
            ("defended_3_seeded", {"images": x, "seeds": seeds.numpy()}),
            ("serving_default", x),
        ],
    )
    network, found = _network(run_dir), _calibrated(run_dir)
    defense = ActiveDefense(networks.up_to(network, "group0"), cap=50, **found)
    for answer, loops in zip(answers, (2, 3), strict=True):
        victim = tf.function(defended_victim(network_victim(network), defense, loops))
        expected = victim(tf.constant(x), seeds)
        np.testing.assert_allclose(answer["logits"], expected["logits"], atol=1e-4)
        np.testing.assert_array_equal(answer["steps"], expected["steps"])
    np.testing.assert_allclose(plain["logits"], network(x, training=False), atol=1e-4)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--defense_cap=5"], "--defense_cap does nothing with --defense=none"),
        (["--decisions=3"], "--decisions is of a random defence"),
        (["--defense=active", "--decisions=1"], "--decisions=1 says nothing of a random defence"),
        (
            ["--defense=active", "--defense_seeded"],
            "--defense_seeded does nothing in an evaluation",
        ),
        (["--defense=active", "--defense_layer=group1"], "is of group0; expected that layer"),
        (
            ["--defense=active", "--defense_cap=5", "--defense_attacked_cap=6"],
            "--defense_attacked_cap=6 is above --defense_cap=5",
        ),
        (
            ["--defense=active", "--defense_sigma=0", "--submissions=1,2"],
            "--submissions is of a random defence",
        ),
        (["--attacks=transfer:pgd-2@noise"], "A transfer from noise needs --defense=active"),
        (["--defense=active", "--defense_loops=1,10"], "--defense_loops=1,10 is for export"),
    ],
)
def test_bad_input_gets_its_sentence(run_dir, flags, sentence, capsys):
    assert sentence in refusal(capsys, "evaluate", f"--model={run_dir}", "--examples=4", *flags)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
