"""The competition's commands and scripts, as a user types them."""

import json
import os
import subprocess
from unittest import mock

import numpy as np
import pytest

from robust_tf import networks
from tests.commands.running import ROOT, environment, here, refusal
from tests.pictures import BRIGHT, DARK, RED, eyes, read, write

# Odd names, and what the network of tests.pictures says of their images.
IMAGES = {
    "B.PNG": ((20, 20, 20), DARK),
    "a b.png": ((200, 200, 200), BRIGHT),
    "red, or so.png": ((255, 0, 0), RED),
    "ü.jpg": ((255, 255, 255), BRIGHT),
}
NAMES = ["B.PNG", "a b.png", "red, or so.png", "ü.png"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "eyes.keras"
    eyes().save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    """The images."""
    for name, (color, _) in IMAGES.items():
        write(tmp_path / "in put" / name, *color)
    return tmp_path / "in put"


def script(name: str, model, *arguments, status: int = 0, **variables) -> str:
    """What a script prints, started in another folder."""
    done = subprocess.run(
        [ROOT / "tools" / name, *map(str, arguments)],
        env={**environment(), "ROBUST_TF_MODEL": str(model), **variables},
        cwd=model.parent,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def test_the_scripts_attack_and_defend(model, folder, tmp_path):
    adversarial, labels = tmp_path / "adv ersarial", tmp_path / "labels.csv"
    said = script("run_attack.sh", model, folder, adversarial, 8, "--attack=pgd-40")
    assert said.endswith(f"4 images written to {adversarial}, within 8 levels of 255\n")
    assert [path.name for path in sorted(adversarial.iterdir())] == NAMES
    # What is dark becomes brighter and what is bright darker, by all that is allowed.
    assert (read(adversarial / "B.PNG") == 28).all() and (read(adversarial / "a b.png") == 192).all()
    said = script("run_defense.sh", model, adversarial, labels)
    assert said == f"4 labels written to {labels}\n"
    expected = ["B.PNG,1", "a b.png,2", '"red, or so.png",3', "ü.png,2"]
    assert labels.read_text(encoding="utf-8").splitlines() == expected


@pytest.mark.parametrize("name", ["run_defense.sh", "run_attack.sh"])
def test_scripts_say_what_is_missing(name, model, tmp_path):
    assert script(name, model, tmp_path, status=2).startswith(f"{name}: expected {name} INPUT_DIR")
    said = script(name, tmp_path / "none", tmp_path, "out", "8", status=2)
    assert "none does not exist; expected ROBUST_TF_MODEL" in said and said.count("\n") == 1


def predict(model, folder, *flags: str, status: int = 0) -> list[str]:
    """The lines of a prediction."""
    output = folder.parent / "out" / "labels.csv"
    line = (f"--model={model}", f"--input_dir={folder}", f"--output_file={output}")
    assert here("predict", *line, *flags) == status
    assert [path.name for path in output.parent.iterdir()] == ["labels.csv"]
    return output.read_text(encoding="utf-8").splitlines()


def test_predict_counts_from_0_and_names_what_it_cannot_read(model, folder, capsys):
    expected = ["B.PNG,0", "a b.png,1", '"red, or so.png",2', "ü.jpg,1"]
    assert predict(model, folder) == expected
    (folder / "a b.png").write_bytes(b"no image")
    expected[1] = "a b.png,-1"
    assert predict(model, folder, "--batch_size=1", status=1) == expected
    said = "1 of 4 images could not be read and have the label -1, which is no class: a b.png\n"
    assert capsys.readouterr().err.endswith(said)


def test_predict_behind_a_defence_that_has_nothing_to_do(tmp_path, folder):
    networks.build("wrn-10-1", (8, 8, 3), 5).save(tmp_path / "m.keras")
    active = ("--defense=active", "--defense_delta=100", "--defense_sigma=0")
    bare = predict(tmp_path / "m.keras", folder)
    assert predict(tmp_path / "m.keras", folder, *active) == bare


def perturb(model, folder, *flags: str, status: int = 0) -> dict[str, np.ndarray]:
    """What an attack adds to each image, in levels."""
    output = folder.parent / "out"
    line = (f"--model={model}", f"--input_dir={folder}", f"--output_dir={output}")
    assert here("perturb", *line, *flags) == status
    written = sorted(output.iterdir())
    before = {path.name.replace(".jpg", ".png"): path for path in folder.iterdir()}
    return {path.name: read(path) - read(before[path.name]) for path in written}


@pytest.mark.parametrize("epsilon", [1, 4, 12, 16, 255])
def test_the_bound_holds_to_the_level(epsilon, model, folder):
    write(folder / "large.png", 100, 100, 100, size=(6, 6))
    added = perturb(model, folder, "--attack=pgd-40", f"--max_epsilon={epsilon}")
    assert sorted(added) == sorted([*NAMES, "large.png"])
    assert max(np.abs(delta).max() for delta in added.values()) <= epsilon
    assert all(delta.any() for delta in added.values())
    if epsilon <= 16:
        # 40 steps of a level reach every bound from everywhere.
        assert (added["B.PNG"] == epsilon).all() and (added["a b.png"] == -epsilon).all()
        # A third of its size is looked at in its pixels 1 and 4; the others keep what they drew.
        assert (added["large.png"][1::3, 1::3] == epsilon).all()


def test_a_target_class_csv_makes_it_targeted(model, folder, capsys):
    targets = {"B.PNG": RED, "a b.png": RED, "red, or so.png": BRIGHT, "ü.jpg": DARK}
    rows = [f'"{name}",{target + 1}' for name, target in targets.items()]
    (folder / "target_class.csv").write_text("\n".join(rows), encoding="utf-8")
    line = ("--max_epsilon=255", "--attack=pgd-40", "--label_offset=1")
    assert here("perturb", f"--model={model}", f"--input_dir={folder}", *line,
                f"--output_dir={folder.parent}/out", "--step_rule=quarter") == 0
    labels = predict(model, folder.parent / "out")
    assert labels


def test_a_stopped_attack_goes_on(model, folder):
    blocked = folder.parent / "out" / "red, or so.png"
    blocked.mkdir(parents=True)
    line = (f"--model={model}", f"--input_dir={folder}", f"--output_dir={blocked.parent}")
    line += ("--batch_size=1", "--attack=fgsm")
    assert here("perturb", *line) == 2
    first = blocked.parent / "B.PNG"
    before = first.stat().st_mtime_ns
    assert not (blocked.parent / "ü.png").exists()
    blocked.rmdir()
    assert here("perturb", *line) == 0
    assert first.stat().st_mtime_ns == before and (blocked.parent / "ü.png").exists()
    # Of another attack all images are others.
    assert here("perturb", *line, "--max_epsilon=4") == 0
    assert first.stat().st_mtime_ns > before
