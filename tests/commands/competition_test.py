"""The competition's commands and scripts, as a user types them."""

import json
import subprocess

import cv2
import numpy as np
import pytest

from robust_tf import networks
from tests.commands.running import ROOT, environment, here, refusal
from tests.linear import linear_network
from tests.pictures import BRIGHT, DARK, RED, eyes, read, write

# Odd names, and what the network of tests.pictures says of their images.
IMAGES = {
    "B.PNG": ((20, 20, 20), DARK),
    "a b.png": ((200, 200, 200), BRIGHT),
    "red, or so.png": ((255, 0, 0), RED),
    "ü.jpg": ((255, 255, 255), BRIGHT),
}
# Where the loss of these classes grows, in red, green and blue: it is RED that is near.
UP_TO_RED = {DARK: np.array([1, -1, 1]), BRIGHT: np.array([1, -1, -1])}
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
    assert (read(adversarial / "B.PNG") == np.add((20, 20, 20), UP_TO_RED[DARK] * 8)).all()
    said = script("run_defense.sh", model, adversarial, labels)
    how = "Each image is resized bilinearly to 2 x 2 (--crop=none)."
    assert said == f"{how}\n4 labels written to {labels}\n"
    expected = ["B.PNG,0", "a b.png,1", '"red, or so.png",2', "ü.png,1"]
    assert labels.read_text(encoding="utf-8").splitlines() == expected
    script("run_defense.sh", model, adversarial, labels, "--label_offset=1")
    assert labels.read_text(encoding="utf-8").startswith("B.PNG,1\na b.png,2\n")
    script("run_defense.sh", model, adversarial, labels, ROBUST_TF_LABEL_OFFSET="1")
    assert labels.read_text(encoding="utf-8").startswith("B.PNG,1\na b.png,2\n")


@pytest.mark.parametrize("name", ["run_defense.sh", "run_attack.sh"])
def test_scripts_say_what_is_missing(name, model, tmp_path):
    assert script(name, model, tmp_path, status=2).startswith(f"{name}: expected {name} INPUT_DIR")
    said = script(name, tmp_path / "none", tmp_path, "out", "8", status=2)
    assert "none does not exist; expected ROBUST_TF_MODEL" in said and said.count("\n") == 1


@pytest.mark.parametrize("name", ["run_defense.sh", "run_attack.sh"])
def test_scripts_find_what_they_need_through_a_link(name, tmp_path):
    (tmp_path / "run").symlink_to(ROOT / "tools" / name)
    said = script(tmp_path / "run", tmp_path / "none", tmp_path, "out", "8", status=2)
    assert said.startswith("run: the model ") and said.count("\n") == 1


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
    said = "1 of 4 images could not be read, and have the label -1, which is no class: a b.png\n"
    assert capsys.readouterr().err.endswith(said)


def test_an_answer_that_is_no_number_is_no_class(tmp_path, folder, capsys):
    network = eyes()
    network.layers[-1].bias.assign([np.nan, 0, 0])
    network.save(tmp_path / "nan.keras")
    assert predict(tmp_path / "nan.keras", folder, status=1)[0] == "B.PNG,-1"
    assert "4 of 4 images have no answer that is a number, and have the" in capsys.readouterr().err


def test_an_output_that_is_a_folder_is_refused(model, folder, capsys):
    line = (f"--model={model}", f"--input_dir={folder}", f"--output_file={folder}")
    assert f"--output_file={folder} is a folder; expected" in refusal(capsys, "predict", *line)


def test_predict_behind_a_defence_that_has_nothing_to_do(tmp_path, folder):
    networks.build("cnn-small", (8, 8, 3), 5).save(tmp_path / "m.keras")
    active = ("--defense=active", "--defense_delta=100", "--defense_sigma=0")
    bare = predict(tmp_path / "m.keras", folder)
    assert predict(tmp_path / "m.keras", folder, *active) == bare


def test_the_centre_is_looked_at_where_that_is_said(model, tmp_path):
    wide = np.full((2, 6, 3), 20, np.uint8)
    wide[:, 2:4] = 250
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "wide.png"), wide)
    assert predict(model, tmp_path / "in") == [f"wide.png,{DARK}"]
    assert predict(model, tmp_path / "in", "--crop=center") == [f"wide.png,{BRIGHT}"]
    (tmp_path / "out" / "labels.csv").unlink()
    added = perturb(model, tmp_path / "in", "--crop=center", "--attack=fgsm")["wide.png"]
    # What is cropped away has no gradient. (250 + 16 is above 255.)
    assert not added[:, [0, 1, 4, 5]].any()
    assert (added[:, 2:4] == [5, -16, -16]).all()


def test_a_competitions_images_are_squeezed_where_evaluation_crops(model, tmp_path, capsys):
    """In a run and in its export; where --crop is said, that counts."""
    run, folder = tmp_path / "run", tmp_path / "in"
    (run / "checkpoints").mkdir(parents=True)
    (run / "checkpoints" / "best.keras").write_bytes(model.read_bytes())
    (run / "flags.cfg").write_text("--dataset=imagenet\n--crop=center\n--norm=Linf\n--eps=16/255\n")
    wide = np.full((2, 6, 3), 20, np.uint8)
    wide[:, 2:4] = 250
    folder.mkdir()
    cv2.imwrite(str(folder / "wide.png"), wide)
    assert here("export", f"--model={run}", f"--export_dir={tmp_path}/e") == 0
    for one in (run, tmp_path / "e" / "1"):
        assert predict(one, folder) == [f"wide.png,{DARK}"]
        assert "is resized cubically to 2 x 2 (--crop=whole)" in capsys.readouterr().out
        (tmp_path / "out" / "labels.csv").unlink()
        assert predict(one, folder, "--crop=center") == [f"wide.png,{BRIGHT}"]
        (tmp_path / "out" / "labels.csv").unlink()


def test_a_saved_model_is_as_good(model, folder):
    assert here("export", f"--model={model}", f"--export_dir={folder.parent}/e") == 0
    exported = folder.parent / "e" / "1"
    added = perturb(exported, folder, "--attack=fgsm", "--max_epsilon=4")
    assert (added["B.PNG"] == 4 * UP_TO_RED[DARK]).all()
    for path in (folder.parent / "out").iterdir():
        path.unlink()
    assert predict(exported, folder) == predict(model, folder)


def perturb(model, folder, *flags: str, status: int = 0) -> dict[str, np.ndarray]:
    """What an attack adds to each image, in levels."""
    output = folder.parent / "out"
    line = (f"--model={model}", f"--input_dir={folder}", f"--output_dir={output}")
    assert here("perturb", *line, *flags) == status
    written = sorted(output.iterdir())
    before = {path.name.replace(".jpg", ".png"): path for path in folder.iterdir()}
    return {path.name: read(path) - read(before[path.name]) for path in written}


@pytest.mark.parametrize("epsilon", [1, 4, 8, 12, 16, 255])
def test_the_bound_holds_to_the_level(epsilon, model, folder):
    added = perturb(model, folder, "--attack=pgd-40", f"--max_epsilon={epsilon}")
    assert sorted(added) == NAMES
    assert max(np.abs(delta).max() for delta in added.values()) <= epsilon
    assert all(delta.any() for delta in added.values())
    if epsilon <= 16:
        # 40 steps of a level reach every bound from everywhere.
        assert (added["B.PNG"] == epsilon * UP_TO_RED[DARK]).all()
        assert (added["a b.png"] == epsilon * UP_TO_RED[BRIGHT]).all()


def test_an_image_is_attacked_in_its_own_size(model, folder):
    write(folder / "large.png", 100, 100, 100, size=(6, 6))
    added = perturb(model, folder, "--attack=pgd-40")
    assert sorted(added) == sorted([*NAMES, "large.png"])
    # A third of its size is looked at in its pixels 1 and 4; the others keep what they drew.
    assert (added["large.png"][1::3, 1::3] == 16 * UP_TO_RED[DARK]).all()
    assert 0 < np.abs(added["large.png"][::3, ::3]).max() <= 16


def test_a_target_class_csv_makes_it_targeted(model, tmp_path, capsys):
    folder, targets = tmp_path / "in", {"a.png": RED, "b,b.png": DARK, "c.PNG": BRIGHT}
    for name in targets:
        # A level on either side of what parts the classes.
        write(folder / name, 128, 127, 128)
    rows = [f'"{name}",{target + 1}' for name, target in targets.items()]
    (folder / "target_class.csv").write_text("\n".join(rows))
    line = (f"--model={model}", f"--input_dir={folder}", f"--output_dir={tmp_path}/adversarial")
    assert here("perturb", *line, "--label_offset=1") == 0
    said = capsys.readouterr().out
    assert f"Leading to the classes of {folder}/target_class.csv, counted from 1 (--label_" in said
    assert "gives 100.0% of them the class that they were led to" in said
    assert predict(model, tmp_path / "adversarial") == ["a.png,2", '"b,b.png",0', "c.PNG,1"]
    said = refusal(capsys, "perturb", *line, "--attack=square")
    assert f"--attack=square cannot lead to the classes of {folder}/target_class.csv" in said
    labels = tmp_path / "labels.csv"
    labels.write_text("a,0\nb,0\n")
    assert "--labels" in refusal(capsys, "perturb", *line, f"--labels={labels}")
    said = refusal(capsys, "perturb", *line, f"--labels={labels}", "--targets=none")
    assert f"{labels} has no class for b,b.png (2 of 3 images have none)" in said


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


def test_what_an_attack_cannot_change_is_said(tmp_path, folder, capsys):
    """Of a saturated model the gradients are 0: one step from the image leads nowhere."""
    linear_network(np.zeros((12, 3)), [0.0, 1.0, 0.0], shape=(2, 2, 3)).save(tmp_path / "m.keras")
    added = perturb(tmp_path / "m.keras", folder, "--attack=fgsm")
    assert not any(delta.any() for name, delta in added.items())
    assert "WARNING: 4 images are as they were" in capsys.readouterr().out


def compete(model, tmp_path, *dirs, status: int = 0, **flags) -> dict:
    """The result of the protocol."""
    output = tmp_path / "result.json"
    line = ("--protocol=caad", f"--model={model}", f"--output={output}")
    line += (f"--attacked_dirs={','.join(map(str, dirs))}",)
    line += tuple(f"--{name}={value}" for name, value in flags.items())
    assert here("evaluate", *line) == status
    return json.loads(output.read_text())


def test_the_protocol_counts_all_or_nothing(model, tmp_path, capsys):
    colors = {DARK: (20, 20, 20), BRIGHT: (250, 250, 250)}
    attackers = {"one": (DARK, DARK, BRIGHT), "two": (DARK, BRIGHT, BRIGHT)}
    for attacker, seen in attackers.items():
        for name, color in zip("abc", seen, strict=True):
            write(tmp_path / attacker / f"{name}.png", *colors[color])
    labels = tmp_path / "labels.csv"
    labels.write_text("images/a.png,1\nb.png,1\nc.png,1\nd.png,2\n")
    dirs = [tmp_path / name for name in attackers]
    given = {"labels": labels, "label_offset": 1}
    result = compete(model, tmp_path, *dirs, **given)
    assert [row["per_image"] for row in result["attacks"].values()] == [
        [True, True, False],
        [True, False, False],
    ]
    assert (result["robust_accuracy"], result["mean_accuracy"]) == (1 / 3, 0.5)
    assert result["threat"] == {"norm": "Linf", "eps": 32 / 255}
    said = capsys.readouterr().out
    assert "1 classes of" in said and "right of 6 answers" in said
    (tmp_path / "two" / "b.png").write_bytes(b"no image")
    result = compete(model, tmp_path, *dirs, status=1, **given)
    assert result["attacks"]["two"]["unread"] == ["b.png"]
    assert "1 images of two could not be read and count as wrong: b.png" in capsys.readouterr().err
    (tmp_path / "two" / "b.png").unlink()
    line = ("--protocol=caad", f"--model={model}", f"--attacked_dirs={dirs[0]},{dirs[1]}")
    said = refusal(capsys, "evaluate", *line, f"--labels={labels}")
    assert f"{dirs[1]} has no image b, which another folder has (1 of 3 are missing)" in said


@pytest.mark.parametrize(
    ("name", "flags", "sentence"),
    [
        ("predict", ["--input_dir=x"], "--output_file is missing"),
        ("predict", ["--output_file=x"], "--input_dir is missing"),
        ("predict", ["--attack=fgsm"], "--attack does nothing in predict."),
        ("predict", ["--input_dir=tests", "--output_file=x"], "--input_dir=tests has no images"),
        ("perturb", ["--input_dir=tests", "--output_dir=tests"], "expected another folder"),
        ("perturb", ["--attack=pgd-10/20"], "is for evaluate; expected one attack"),
        ("perturb", ["--defense=active"], "--defense does nothing in perturb"),
        ("evaluate", ["--labels=x"], "--labels does nothing in evaluate without --protocol=caad"),
        ("evaluate", ["--protocol=caad"], "--labels is missing"),
        ("evaluate", ["--protocol=caad", "--labels=x"], "--attacked_dirs is missing"),
        ("evaluate", ["--protocol=caad", "--attacks=fgsm"], "--attacks does nothing with"),
        ("evaluate", ["--protocol=caad", "--labels=x", "--attacked_dirs=a,a"], "names a twice"),
    ],
)
def test_bad_usage_gets_a_sentence(name, flags, sentence, model, capsys):
    assert sentence in refusal(capsys, name, f"--model={model}", *flags)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
