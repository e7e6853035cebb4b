"""Tests of robust_tf.config, each in a process of its own: flags are global."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from robust_tf.layers import DENOISERS
from robust_tf.methods import METHODS

ROOT = pathlib.Path(__file__).resolve().parents[1]
TRAIN = """
from robust_tf import command_line, config, plans
from robust_tf.config import flagfile
def main():
    plan = config.train()
    {then}
command_line.run(main, plans.Train)
"""
SHOW = TRAIN.format(then="print(plan)")
SAVE = TRAIN.format(
    then="flagfile.refuse_changes(plan.run_dir); flagfile.save(plan.run_dir); print(plan)"
)
EVALUATE = (
    "from robust_tf import command_line, config\ncommand_line.run(lambda: print(config.evaluate()))"
)


def _python(program: str, *arguments, cwd=None) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def _plan(program: str, *arguments, cwd=None) -> str:
    done = _python(program, *arguments, cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def _refusal(program: str, *arguments, cwd=None) -> str:
    """The one line of a call that must be refused."""
    done = _python(program, *arguments, cwd=cwd)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("robust_tf: ")
    return done.stderr


def test_flags_are_read_without_tensorflow():
    program = "import sys\nfrom robust_tf import command_line\nprint(*sys.modules, sep='\\n')"
    loaded = _plan(program).split()
    assert "robust_tf.config" in loaded
    assert not {"tensorflow", "keras", "numpy"} & set(loaded)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("8/255", 8 / 255),
        ("8 / 255", 8 / 255),
        ("0.0314", 0.0314),
        ("1e-2", 0.01),
        ("0.5/255", 0.5 / 255),
        ("0", 0.0),
    ],
)
def test_a_number_may_be_a_fraction(given, expected):
    assert f"eps={expected!r}, " in _plan(SHOW, f"--eps={given}")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--eps=abc"], "--eps=abc: expected a number or a fraction such as 8/255"),
        (["--eps=1/0"], "--eps=1/0: expected a number or a fraction such as 8/255"),
        (["--eps=1e400"], "--eps=1e400: expected a number or a fraction such as 8/255"),
        (["--eps=nan"], "--eps=nan: expected a number"),
        (["--eps=inf"], "--eps=inf: expected a number"),
        (["--eps=-1/255"], "expected a number at least 0"),
        (["--momentum=1.5"], "--momentum=1.5: expected a number from 0 to 1"),
        (["--eps"], "Missing value for flag --eps"),
        (["--epochs=1.5"], "--epochs=1.5: expected a whole number, at least 1"),
        (["--epochs=0"], "--epochs=0: expected a whole number, at least 1"),
        (["--sync_bn=maybe"], "--sync_bn=maybe: expected true or false"),
        (["--lr_drops=5,x"], ": expected whole numbers, as in 100,150"),
        (["--dataset=mnst"], "--dataset=mnst is unknown; did you mean mnist?"),
        (["--norm=banana"], "--norm=banana is unknown; expected one of Linf, L2."),
        (["--run_dir="], "--run_dir=: expected text, not an empty string"),
        (["--datset=mnist"], "Unknown command line flag 'datset'. Did you mean: dataset ?"),
        (["--zzz=1"], "Unknown command line flag 'zzz'"),
        (["mnist"], "'mnist' is left over; every setting is a flag, as in --dataset=mnist."),
        (["--seed=1", "x", "--eps=1"], "'x' is left over"),
        (["--flagfile=none.cfg"], "none.cfg"),
        (["--sync_bn", "--accumulate=2"], "--accumulate=2 cannot be used with --sync_bn"),
        (["--lr=0.5", "--lr_per_256=0.1"], "--lr=0.5 and --lr_per_256=0.1 are both given;"),
        (["--dry_run_replicas=2"], "--dry_run_replicas does nothing without --dry_run"),
        (["--attack_step_rule=cad"], "--attack_step_rule=cad is unknown; did you mean caad?"),
        (["--fpd_inner=3"], "expected 0, 2 or 4"),
        (["--bat_beta=5"], "--bat_beta does nothing with --method=pgd_at; it is of bat."),
        (["--fpd_clean=flip"], "--fpd_clean does nothing with --fpd=none; it is of full."),
        (["--method=fpd", "--fpd=fd"], "--method=fpd trains a network that restores images"),
        (["--method=fpd", "--norm=L2", "--eps=1"], "needs --fpd_noise"),
        (["--norm=L2", "--eval_eps=1"], "--norm=L2 has no radius of its own"),
        (
            ["--eps=16"],
            "--eps=16 is too large for images in [0, 1]; expected at most 1, and 16/255",
        ),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_bad_input_is_one_line_and_status_2(arguments, sentence, tmp_path):
    assert sentence in _refusal(SHOW, *arguments, cwd=tmp_path)


def test_flagfiles_nest_and_the_last_word_counts(tmp_path):
    (tmp_path / "inner.cfg").write_text("# The data.\n--dataset=mnist\n--eps=1/4\n--seed=3\n")
    (tmp_path / "outer.cfg").write_text("--flagfile=inner.cfg\n// And more.\n--eps=1/8\n")
    plan = _plan(SHOW, "--flagfile=outer.cfg", "--seed=4", cwd=tmp_path)
    assert "dataset='mnist'" in plan and "eps=0.125," in plan and "seed=4," in plan


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--flagfile=gone.cfg", "gone.cfg"),
        ("--epsilon=1", "Unknown command line flag 'epsilon'"),
        ("  # A note.", "left over"),
        ("--dataset=digts", "did you mean digits?"),
    ],
)
def test_a_bad_line_of_a_nested_flagfile_is_named(line, sentence, tmp_path):
    (tmp_path / "inner.cfg").write_text(f"{line}\n")
    (tmp_path / "outer.cfg").write_text("--flagfile=inner.cfg\n")
    assert sentence in _refusal(SHOW, "--flagfile=outer.cfg", cwd=tmp_path)


EVERY_FLAGFILE = """
import pathlib
from absl import flags
from robust_tf import config
for path in sorted(pathlib.Path("flags").rglob("*.cfg")):
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    assert flags.FLAGS(["train", f"--flagfile={path}"]) == ["train"], path
    print(path, type(config.train()).__name__)
"""


def test_every_flagfile_loads():
    lines = _plan(EVERY_FLAGFILE, cwd=ROOT).splitlines()
    assert len(lines) > 100 and all(line.endswith(".cfg Train") for line in lines)
    for line in lines:
        text = (ROOT / line.split()[0]).read_text()
        assert text.startswith("# "), f"{line.split()[0]} does not begin with what it is"
        if "robust_tf.train" in text:
            assert "Cost: " in text and "came out" in text, line.split()[0]


IMAGENET_ROWS = {
    "caad": "resnext-101-32x8d dot@block pgd_at 20 1.6 [35, 70, 95] of 110",
    "imagenet_resnet50": "resnet-50 none@group pgd_at 20 1.6 [35, 70, 95] of 110",
    "imagenet_resnet50_denoise": "resnet-50 dot@block pgd_at 20 1.6 [35, 70, 95] of 110",
    "imagenet_resnet152": "resnet-152 none@group pgd_at 30 1.6 [35, 70, 95] of 110",
    "imagenet_resnet152_denoise": "resnet-152 embedded_gaussian@group pgd_at 30 1.6 "
    "[35, 70, 95] of 110",
    "imagenet_resnet50_bat": "resnet-50 none@group bat 2 0.1 [30, 60, 90] of 100",
}
SHOW_ROWS = """
import sys
from absl import flags
from robust_tf import config
for row in sys.argv[1:]:
    flags.FLAGS.unparse_flags()
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    flags.FLAGS(["train", f"--flagfile=flags/{row}.cfg"])
    plan = config.train()
    network, rate = plan.network, plan.optimizer
    print(
        network.network,
        f"{network.denoise}@{network.denoise_at}",
        plan.recipe.method,
        plan.attack.attack_steps,
        f"{rate.lr:g} {list(rate.lr_drops)} of {plan.epochs}",
    )
"""


def test_the_rows_on_imagenet_are_their_papers():
    lines = _plan(SHOW_ROWS, *IMAGENET_ROWS, cwd=ROOT).splitlines()
    assert lines == list(IMAGENET_ROWS.values())


def test_the_flags_know_every_method_and_filter():
    program = (
        "from robust_tf.config.definitions import names\nprint(*names.METHODS, *names.DENOISERS)"
    )
    assert _plan(program).split() == [*METHODS, *DENOISERS]


EVERY_KIND = (
    "--eps=8/255 --dataset=cifar10 --lr_drops=2,3 --sync_bn --nonesterov --attack_start=none "
    "--ema=0.999 --attack_step_size=2/255 --steps_per_epoch=7 --attack_target=least_likely "
    "--lr_per_256=0.1"
).split()


@pytest.mark.parametrize("arguments", [[], ["--method=standard"], EVERY_KIND], ids=len)
def test_what_was_used_loads_back(arguments, tmp_path):
    run_dir = f"--run_dir={tmp_path / 'a run'}"
    plan = _plan(SAVE, run_dir, *arguments)
    saved = tmp_path / "a run" / "flags.cfg"
    assert _plan(SHOW, f"--flagfile={saved}") == plan
    # And goes on, its file as it was.
    text = saved.read_text()
    assert _plan(SAVE, f"--flagfile={saved}") == plan
    assert saved.read_text() == text
    assert [p.name for p in saved.parent.iterdir()] == ["flags.cfg"]


def test_the_rate_follows_the_batch_and_not_the_saved_flags(tmp_path):
    run_dir = f"--run_dir={tmp_path}"
    given = ("--lr_per_256=1/10", "--optimizer=adam", "--dry_run", "--dry_run_replicas=128")
    plan = _plan(SAVE, run_dir, "--batch_size=4096", *given)
    assert "lr=1.6," in plan and "dry_run=True, dry_run_replicas=128" in plan
    saved = (tmp_path / "flags.cfg").read_text()
    assert "--lr_per_256=0.1\n" in saved and "--lr=" not in saved and "dry_run" not in saved
    other = _plan(SHOW, f"--flagfile={tmp_path}/flags.cfg", "--batch_size=32")
    assert "lr=0.0125," in other


def test_a_resumed_run_must_be_the_same_run(tmp_path):
    run_dir = f"--run_dir={tmp_path}"
    # Until its first epoch is over there is nothing to be resumed.
    _plan(SAVE, run_dir, "--eps=0.5")
    _plan(SAVE, run_dir, "--eps=0.25", "--data_dir=here")
    (tmp_path / "backup").mkdir()
    saved = (tmp_path / "flags.cfg").read_text()
    refusal = _refusal(SAVE, run_dir, "--eps=0.125")
    assert "--eps=0.25 and cannot be resumed with --eps=0.125" in refusal
    assert str(tmp_path) in refusal and "--run_dir" in refusal
    assert "--clip_norm=" in _refusal(SAVE, run_dir, "--eps=0.25", "--clip_norm=1")
    assert (tmp_path / "flags.cfg").read_text() == saved
    assert "data_dir='there'" in _plan(SAVE, run_dir, "--eps=1/4", "--data_dir=there")
    # A run from before a flag existed was at that flag's default.
    older = [line for line in saved.splitlines() if not line.startswith("--lr_drop_factor")]
    (tmp_path / "flags.cfg").write_text("\n".join(older))
    _plan(SAVE, run_dir, "--eps=0.25")
    (tmp_path / "flags.cfg").write_text("\n".join(older))
    assert "--lr_drop_factor=0.1" in _refusal(SAVE, run_dir, "--eps=0.25", "--lr_drop_factor=0.5")
    # What nobody chose is no change either, though it has a value by now.
    older = [line for line in older if not line.startswith("--eval_eps")]
    (tmp_path / "flags.cfg").write_text("\n".join(older))
    _plan(SAVE, run_dir, "--eps=0.25")
    (tmp_path / "flags.cfg").write_text("\n".join([*older, "--of_yore=1"]))
    assert "with --of_yore, which is no flag any more" in _refusal(SAVE, run_dir, "--eps=0.25")


def test_help_lists_the_flags_of_its_command_with_their_sentences():
    said = _python(SHOW, "--help").stdout
    for of_training in ("--eps: radius of the threat model", "--[no]sync_bn: batch norm with"):
        assert of_training in said
    assert not re.search(r"^  --(attacks|input_dir|rest_port):", said, re.MULTILINE)


def test_flags_of_the_other_command_are_refused(tmp_path):
    assert "--restarts does nothing in training" in _refusal(SHOW, "--restarts=2")
    refusal = _refusal(SHOW, "--input_dir=x")
    assert "--input_dir does nothing in training; it is a flag of predict, perturb" in refusal
    _plan(SAVE, f"--run_dir={tmp_path}")
    refusal = _refusal(EVALUATE, f"--model={tmp_path}", "--attack_restarts=5")
    assert "--attack_restarts is of the training attack" in refusal


def test_a_radius_belongs_to_its_norm(tmp_path):
    assert "--norm=L2 has no radius of its own" in _refusal(SHOW, "--norm=L2")
    assert "norm='L2', eps=1.5" in _plan(SHOW, "--norm=L2", "--eps=1.5")
    _plan(SAVE, f"--run_dir={tmp_path}", "--eps=0.25")
    assert "--norm=L2 has no radius" in _refusal(EVALUATE, f"--model={tmp_path}", "--norm=L2")
    _plan(SAVE, f"--run_dir={tmp_path}/l2", "--norm=L2", "--eps=2")
    assert "norm='L2', eps=2.0" in _plan(EVALUATE, f"--model={tmp_path}/l2")


def test_a_checkpoint_file_knows_its_run(tmp_path):
    _plan(SAVE, f"--run_dir={tmp_path}", "--dataset=mnist", "--eps=0.25")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.keras").touch()
    plan = _plan(EVALUATE, f"--model={tmp_path}/checkpoints/last.keras")
    assert "dataset='mnist'" in plan and "eps=0.25," in plan


def test_evaluation_takes_from_the_run_what_is_left_open(tmp_path):
    _plan(SAVE, f"--run_dir={tmp_path}", "--dataset=mnist", "--eps=0.25", "--batch_size=7")
    model = f"--model={tmp_path}"
    plan = _plan(EVALUATE, model)
    assert "dataset='mnist'" in plan and "eps=0.25," in plan and "batch_size=100" in plan
    assert "results/mnist-Linf-0.25-clean-fgsm-pgd-20-cw-20.json" in plan
    assert "eps=0.5," in _plan(EVALUATE, model, "--eps=1/2")


def test_images_are_cropped_as_in_the_run(tmp_path):
    assert "augment='auto', crop='center'" in _plan(
        SAVE, f"--run_dir={tmp_path}/a", "--dataset=imagenet"
    )
    _plan(SAVE, f"--run_dir={tmp_path}/b", "--dataset=nips2017", "--crop=center")
    plan = _plan(EVALUATE, f"--model={tmp_path}/b")
    assert "crop='center'" in plan and "cw-20-crop-center.json" in plan
    plan = _plan(EVALUATE, f"--model={tmp_path}/a", "--dataset=digits", "--crop=none")
    assert "crop='none'" in plan and "cw-20.json" in plan
    export = EVALUATE.replace("evaluate", "export")
    assert "crop='center'" in _plan(export, f"--model={tmp_path}/a")
    assert "crop='none'" in _plan(export, f"--model={tmp_path}/a", "--crop=none")


def test_evaluation_is_at_the_radius_of_validation(tmp_path):
    flagfile = tmp_path / "row.cfg"
    flagfile.write_text("--dataset=mnist\n--eps=1/8\n--eval_eps=1/4\n")
    _plan(SAVE, f"--run_dir={tmp_path}/run", f"--flagfile={flagfile}")
    model = f"--model={tmp_path}/run"
    assert "eps=0.25," in _plan(EVALUATE, model)
    assert "eps=0.25," in _plan(EVALUATE, model, f"--flagfile={flagfile}")
    assert "eps=0.5," in _plan(EVALUATE, model, "--eps=1/2")


def test_a_defences_numbers_are_typed_or_calibrated_or_the_papers(tmp_path):
    _plan(SAVE, f"--run_dir={tmp_path}", "--dataset=cifar100")
    model = (f"--model={tmp_path}", "--defense=active")
    numbers = "defense_delta={}, defense_beta={}, defense_sigma={}, defense_cap=1000"
    plan = _plan(EVALUATE, *model)
    assert numbers.format(0.0118, 80.0, 0.075) in plan
    assert "active_defense.cfg is missing, so delta and beta are the paper's" in plan
    calibrated = (
        "--defense_layer=group0\n--defense_delta=0.5\n--defense_beta=2\n--defense_sigma=0.1"
    )
    (tmp_path / "active_defense.cfg").write_text(calibrated)
    plan = _plan(EVALUATE, *model)
    assert numbers.format(0.5, 2.0, 0.1) in plan and "decisions=5" in plan
    assert numbers.format(0.25, 2.0, 0.1) in _plan(EVALUATE, *model, "--defense_delta=1/4")
    # A checkpoint of the run has them too, and each setting has a result of its own.
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.keras").touch()
    plan = _plan(EVALUATE, f"--model={tmp_path}/checkpoints/last.keras", *model[1:])
    assert "WARNING" not in plan
    assert numbers.format(0.5, 2.0, 0.1) in plan
    assert "-active-group0-delta0.5-beta2-sigma0.1-cap1000-loops1-5decisions.json" in plan
    assert "decisions=1" in _plan(EVALUATE, *model, "--defense_sigma=0")
    assert "-clip-submissions-1-10-5decisions.json" in _plan(
        EVALUATE, *model, "--defense_clip", "--submissions=1,10"
    )
    assert "defense='none'" in _plan(EVALUATE, model[0])


def test_a_defence_without_numbers_is_refused(tmp_path):
    _plan(SAVE, f"--run_dir={tmp_path}")
    refusal = _refusal(EVALUATE, f"--model={tmp_path}", "--defense=active")
    assert "--defense_delta is missing, and the paper has none for digits" in refusal
    assert "--defense does nothing in training; it is a flag of evaluate and export" in _refusal(
        SHOW, "--defense=active"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "--model is missing; expected a run directory, a .keras file or a SavedModel."),
        (["--model=nowhere"], "--model=nowhere does not exist"),
    ],
)
def test_evaluation_needs_a_model(arguments, sentence, tmp_path):
    assert sentence in _refusal(EVALUATE, *arguments, cwd=tmp_path)


@pytest.mark.parametrize(
    ("raised", "status", "line"),
    [
        ("InputError('no such thing.')", 2, "robust_tf: no such thing.\n"),
        ("FloatingPointError('The loss is nan.')", 1, "The loss is nan.\n"),
        ("KeyboardInterrupt", 130, "Interrupted; the same command goes on from here.\n"),
    ],
)
def test_how_a_command_ends(raised, status, line):
    program = f"""
from robust_tf import command_line, config
from robust_tf.errors import InputError
def main():
    raise {raised}
command_line.run(main)
"""
    done = _python(program)
    assert (done.returncode, done.stderr) == (status, line)


SERVE = (
    "from robust_tf import command_line, config\ncommand_line.run(lambda: print(config.serve()))"
)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "--model_dir is missing; expected a folder of numbered versions, or a SavedModel."),
        (["--model_dir=nowhere"], "--model_dir=nowhere is no folder"),
        (["--rest_port=none"], "--rest_port=none: expected a whole number, from 0 to 65535"),
        (["--grpc_port=65536"], "expected a whole number, from 0 to 65535, or none"),
        (["--max_batch=0"], "expected a whole number, at least 1"),
        (["--poll_seconds=0"], "expected a number at least 0.001"),
    ],
)
def test_wrong_flags_of_serve_get_their_sentence(arguments, sentence):
    assert sentence in _refusal(SERVE, *arguments)


def test_grpc_can_be_left_off(tmp_path):
    assert "grpc_port=8500" in _plan(SERVE, f"--model_dir={tmp_path}")
    assert "grpc_port=None" in _plan(SERVE, f"--model_dir={tmp_path}", "--grpc_port=none")


def test_flags_of_serve_are_none_of_a_run(tmp_path):
    sentence = "--rest_port does nothing in training; it is a flag of serve."
    assert sentence in _refusal(SHOW, "--rest_port=0")
    _plan(SAVE, f"--run_dir={tmp_path}")
    saved = (tmp_path / "flags.cfg").read_text()
    assert "--eps=" in saved
    for name in ("host", "rest_port", "grpc_port", "max_batch", "poll_seconds", "grace_seconds"):
        assert f"--{name}=" not in saved


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
