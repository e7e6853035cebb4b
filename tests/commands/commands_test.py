"""The commands end to end, as a user types them."""

import json
import signal
import subprocess
import sys
import time

import keras
import pytest

from robust_tf import networks
from tests.commands.running import ROOT, TINY, command, environment, here, refusal, run, said

SHORT = ("--epochs=2", "--steps_per_epoch=8", "--attack_steps=3", "--seed=1", "--eps=1/10")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A short training with all that it writes, exported at its end."""
    folder = tmp_path_factory.mktemp("run")
    done = run(*command("train", *TINY, *SHORT, f"--run_dir={folder}", f"--export_dir={folder}/e"))
    assert "epoch 2/2  step 8/8" in done.stdout and "images/s" in done.stdout
    assert f"Exported to {folder}/e/1" in done.stdout
    assert "Traceback" not in done.stderr
    return folder


def test_a_run_directory_has_its_shape(run_dir):
    for name in (
        *("flags.cfg", "class_names.txt", "history.csv", "backup/state.npz"),
        *("checkpoints/best.keras", "checkpoints/last.keras"),
    ):
        assert (run_dir / name).is_file(), name
    assert list((run_dir / "tb").rglob("events.out.tfevents.*"))
    header = (run_dir / "history.csv").read_text().splitlines()[0].split(",")
    assert {"epoch", "loss", "adv_accuracy", "val_accuracy", "val_adv_accuracy"} <= set(header)


def test_a_finished_run_is_left_alone(run_dir):
    written = [*run_dir.rglob("*.keras"), run_dir / "backup" / "state.npz"]
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in written}
    assert here("train", *TINY, *SHORT, f"--run_dir={run_dir}", f"--export_dir={run_dir}/e") == 0
    assert before == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in written}
    assert [path.name for path in (run_dir / "e").iterdir()] == ["1"]


def test_evaluate_takes_the_runs_data_and_threat(run_dir, capsys):
    line = ("evaluate", f"--model={run_dir}", "--examples=40", "--restarts=2")
    told = said(capsys, *line, "--attacks=clean,fgsm,pgd-3,cw-3")
    result = json.loads(
        (
            run_dir / "results" / "digits-Linf-0.1-clean-fgsm-pgd-3-cw-3-2restarts-first40.json"
        ).read_text()
    )
    assert result["threat"] == {"norm": "Linf", "eps": 0.1}
    assert list(result["attacks"]) == ["clean", "fgsm", "pgd-3", "cw-3"]
    assert result["examples"] == 40 == len(result["attacks"]["cw-3"]["per_image"])
    assert result["attacks"]["cw-3"]["hyperparameters"]["restarts"] == 2
    accuracy = {name: a["accuracy"] for name, a in result["attacks"].items()}
    assert result["robust_accuracy"] <= min(accuracy.values()) < accuracy["clean"]
    for expected in ("attack", "accuracy", "success", "all of them", f"{run_dir}/results"):
        assert expected in told


def test_an_interrupted_evaluation_goes_on(run_dir, tmp_path):
    # On the 8-bit grid, since otherwise images leave as they are fooled, and it is soon over.
    flags = ("--attacks=pgd-200", "--quantize", "--batch_size=30", "--verdict=false")
    line = command("evaluate", f"--model={run_dir}", *flags)
    whole, stopped = tmp_path / "whole.json", tmp_path / "stopped.json"
    run(*line, f"--output={whole}", "--examples=60")
    process = subprocess.Popen(
        [*line, f"--output={stopped}", "--examples=60"],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        # What is started in the background of a shell is deaf to it, and so are its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # The line of the clean images comes before the first attacked batch, which soon follows.
    assert "clean" in process.stdout.readline()
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    assert process.returncode == 130 and not stopped.exists()
    done = run(*line, f"--output={stopped}", "--examples=60")
    assert "clean  60/60" in done.stdout
    a, b = (json.loads(path.read_text())["attacks"]["pgd-200"] for path in (whole, stopped))
    assert a["per_image"] == b["per_image"]
    assert not list(tmp_path.glob("*state*"))


def test_export_counts_versions(run_dir, capsys):
    line = ("export", f"--model={run_dir}", f"--export_dir={run_dir}/more")
    assert f"{run_dir}/more/1" in run(*command(*line)).stdout
    assert f"{run_dir}/more/2" in said(capsys, *line, "--keep_exports=1")
    assert [path.name for path in (run_dir / "more").iterdir()] == ["2"]
    assert (run_dir / "more" / "2" / "saved_model.pb").is_file()


def test_another_run_in_the_same_folder_is_refused(run_dir):
    done = run(*command("train", *TINY, "--eps=0.3", "--seed=1", f"--run_dir={run_dir}"), status=2)
    assert "was begun with --" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("train", "--dataset=cifar11"), "did you mean cifar10?"),
        (("train", "--val_attack=pgd10"), "perhaps pgd-10."),
        (("evaluate", "--attacks=clean,cv-20"), "perhaps cw-20."),
        (("train", "--accumulate=2", "--sync_bn"), "cannot be used with --sync_bn"),
        (("evaluate",), "--model is missing"),
        (("evaluate", "--model=nowhere"), "--model=nowhere does not exist"),
    ],
)
def test_a_bad_flag_gets_one_sentence(arguments, sentence, tmp_path):
    done = run(*command(arguments[0], f"--run_dir={tmp_path}", *arguments[1:]), status=2)
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("train", "--network=wrn-27-10"), "the nearest is wrn-"),
        (("train", "--dataset=folder"), "--data_dir"),
        (("train", "--batch_size=2", "--accumulate=4"), "--accumulate=4"),
        (("train", "--run_dir=README.md"), "README.md"),
        (("evaluate", "--model=tests"), "holds no network"),
        (("export", "--model=README.md"), "expected a run directory or a .keras file"),
    ],
)
def test_bad_input_that_is_found_later_gets_one_sentence(arguments, sentence, tmp_path, capsys):
    assert sentence in refusal(capsys, arguments[0], f"--run_dir={tmp_path}", *arguments[1:])


def test_nan_stops_the_run_and_names_the_step(tmp_path, capsys):
    flags = ("--lr=1e30", "--epochs=1", "--method=standard", "--steps_per_epoch=9")
    assert here("train", *TINY, *flags, f"--run_dir={tmp_path}") == 1
    told = capsys.readouterr().err
    assert "at epoch 1, step" in told and "none is saved" in told


def test_several_precisions_train(tmp_path):
    flags = ("--epochs=1", "--steps_per_epoch=3", "--attack_steps=2", "--network=cnn-small")
    for extra in (
        ("--precision=mixed_bfloat16", "--attack_bn=batch", "--optimizer=adam"),
        ("--attack_precision=mixed_bfloat16", "--clip_norm=1", "--nesterov", "--xla=on"),
    ):
        folder = tmp_path / extra[0][2:]
        assert here("train", *TINY, *flags, *extra, f"--run_dir={folder}") == 0
        assert (folder / "checkpoints" / "last.keras").is_file()


def test_quickstart_makes_everything_it_names(tmp_path):
    """The whole script in the environment of the tests, with little training."""
    done = run("tools/quickstart", str(tmp_path), "--epochs=1", "--steps_per_epoch=4")
    for name in ("standard.json", "robust.json", "export/1/saved_model.pb"):
        assert (tmp_path / name).is_file()
    assert "attack         standard    robust" in done.stdout
    assert sys.version_info[:2] == (3, 11)


def test_an_attack_before_the_squeeze_is_recorded(tmp_path):
    networks.build("cnn-small", (8, 8, 1), 10, head="tanh").save(tmp_path / "tanh.keras")
    line = ("evaluate", f"--model={tmp_path}/tanh.keras", "--dataset=digits", "--examples=8")
    assert here(*line, "--attacks=fgsm", "--attacked_output=before_squeeze") == 0
    (result,) = tmp_path.glob("*-before_squeeze-first8.json")
    attack = json.loads(result.read_text())["attacks"]["fgsm"]
    assert attack["hyperparameters"]["loss"] == "cross_entropy of before_squeeze"


def test_any_keras_network_is_evaluated(tmp_path, capsys):
    images = keras.Input((8, 8, 1))
    network = keras.Model(images, keras.layers.Dense(10, name="fc")(keras.layers.Flatten()(images)))
    network.save(tmp_path / "foreign.keras")
    line = ("evaluate", f"--model={tmp_path}/foreign.keras", "--dataset=digits")
    assert "all of them" in said(capsys, *line, "--examples=8", "--attacks=fgsm")
    refused = refusal(capsys, *line, "--attacked_output=before_squeeze")
    assert "--attacked_output=before_squeeze needs a network with a Tanh head" in refused


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
