"""Tests of robust_tf.experiment.importing: a run directory of a published checkpoint, and back."""

import dataclasses
import hashlib
import pathlib
from unittest import mock

import keras
import numpy as np
import pytest
from absl import flags

from robust_tf import command_line, networks
from robust_tf.errors import InputError
from robust_tf.experiment.exporting import publish
from robust_tf.experiment.importing import export_checkpoint, import_checkpoint
from robust_tf.networks import checkpoint_files, resnet
from robust_tf.networks.published import Architecture
from robust_tf.plans import Import
from tests.commands.running import forget_flags
from tests.networks import public_graph

ONE = Architecture("resnet-50", "dot", "group", "small")


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """An import of a ResNet of two blocks for 10 classes."""
    monkeypatch.setitem(resnet.RESNETS, "resnet-50", resnet.ResNet((1, 1)))
    path = tmp_path / "weights.npz"
    checkpoint_files.write(path, public_graph.filled(ONE.shapes(10, 3)))
    return Import(
        checkpoint=path,
        network="resnet-50",
        stem="small",
        activation="elu",
        denoise="dot",
        denoise_at="group",
        dataset="cifar10",
        image_size=16,
        eps=8 / 255,
        class_names=None,
        run_dir=tmp_path / "runs" / "imported",
    )


def refusal(plan, capsys) -> str:
    """What the tool says to bad input; it must write nothing."""
    before = sorted(plan.checkpoint.parent.rglob("*"))
    with pytest.raises(SystemExit) as ended:
        command_line.answer(lambda: import_checkpoint(plan))
    assert ended.value.code == 2
    assert sorted(plan.checkpoint.parent.rglob("*")) == before
    return capsys.readouterr().err


def flags_of(plan) -> dict:
    """What the flags are once its flags.cfg is read back."""
    try:
        flags.FLAGS(["train", f"--flagfile={plan.run_dir / 'flags.cfg'}"])
        return flags.FLAGS.flag_values_dict()
    finally:
        forget_flags()


def test_the_run_directory_is_one_like_any_other(plan, tmp_path, capsys):
    import_checkpoint(plan)
    run = plan.run_dir
    assert {path.name for path in run.iterdir()} == {"checkpoints", "flags.cfg", "source.txt"}
    best, last = (run / "checkpoints" / name for name in ("best.keras", "last.keras"))
    assert best.read_bytes() == last.read_bytes()
    network = networks.load(run)
    assert network.input_shape == (None, 16, 16, 3) and network.output_shape == (None, 10)
    assert isinstance(network.get_layer("act0"), keras.layers.ELU)
    export_checkpoint(run, tmp_path / "back.npz")
    said = "resnet-50 with --denoise=dot --denoise_at=group --stem=small and --activation=elu."
    assert f"They are of {said}" in capsys.readouterr().out
    before, after = (checkpoint_files.read(p) for p in (plan.checkpoint, tmp_path / "back.npz"))
    assert {n: a.tobytes() for n, a in before.items()} == {n: a.tobytes() for n, a in after.items()}


def test_its_flags_load_back(plan):
    import_checkpoint(plan)
    said = flags_of(plan)
    asked = ("dataset", "image_size", "network", "activation", "denoise", "denoise_at", "eps")
    for name in asked:
        assert said[name] == getattr(plan, name), name
    assert said["stem"] == "small" and said["eval_eps"] == plan.eps


def test_imagenets_images_are_cropped_and_its_classes_have_names(plan):
    variables = public_graph.filled(ONE.shapes(1000, 3))
    checkpoint_files.write(plan.checkpoint, variables)
    import_checkpoint(dataclasses.replace(plan, dataset="imagenet"))
    said = flags_of(plan)
    assert (said["dataset"], said["crop"]) == ("imagenet", "center")
    assert len((plan.run_dir / "class_names.txt").read_text().splitlines()) == 1000


def test_an_export_says_where_the_weights_are_from(plan):
    names = plan.checkpoint.parent / "names.txt"
    names.write_text("".join(f"class {i}\n" for i in range(10)))
    import_checkpoint(dataclasses.replace(plan, class_names=names))
    version = publish(plan.run_dir, plan.run_dir / "export", None)
    card = (version / "assets.extra" / "model_card.md").read_text()
    digest = hashlib.sha256(plan.checkpoint.read_bytes()).hexdigest()
    assert f"Its weights were imported from weights.npz (SHA-256 {digest})." in card
    assert "CC BY-NC 4.0" in card and "Nothing is known" not in card
    assert (version / "assets.extra" / "class_names.txt").read_text() == names.read_text()


def test_what_does_not_fit_is_a_list_and_nothing_is_written(plan, capsys):
    variables = checkpoint_files.read(plan.checkpoint)
    del variables["linear/b"]
    variables |= {"linear/c": np.zeros(10, np.float32), "conv0/bn/beta": np.zeros(3, np.float32)}
    checkpoint_files.write(plan.checkpoint, variables)
    said = refusal(dataclasses.replace(plan, dataset="cifar10"), capsys).splitlines()
    assert said[0].startswith(f"robust_tf: {plan.checkpoint} does not fill resnet-50 with --denoi")
    assert "  linear/b is missing" in said and "  linear/c is extra" in said and len(said) == 4
    assert "  conv0/bn/beta is (3,), expected (64,)" in said


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"network": "resnet-101"}, "holds resnet-50 with --denoise=dot --denoise_at=group"),
        ({"network": "wrn-28-10"}, "--network=wrn-28-10 is unknown"),
        ({"denoise": "none"}, "holds resnet-50 with --denoise=dot --denoise_at=group --stem=small"),
        ({"stem": "imagenet"}, "--stem=small; expected flags that say so, not resnet-50 with"),
        ({"class_names": pathlib.Path("/dev/null")}, "--class_names=/dev/null has 0 lines; expec"),
        ({"image_size": 0}, "cannot take images of shape (0, 0, 3)"),
    ],
)
def test_bad_input_gets_its_sentence(plan, capsys, changed, sentence):
    said = refusal(dataclasses.replace(plan, **changed), capsys)
    assert sentence in said and len(said.splitlines()) == 1


def test_a_file_for_other_classes_or_images_does_not_fit(plan, capsys):
    said = refusal(dataclasses.replace(plan, dataset="imagenet"), capsys).splitlines()
    assert "  linear/b is (10,), expected (1000,)" in said and len(said) == 3
    said = refusal(dataclasses.replace(plan, dataset="mnist"), capsys).splitlines()
    assert "  conv0/W is (3, 3, 3, 64), expected (3, 3, 1, 64)" in said and len(said) == 2


def test_a_run_that_is_there_is_not_replaced(plan, capsys):
    plan.run_dir.mkdir(parents=True)
    (plan.run_dir / "flags.cfg").write_text("--dataset=digits\n")
    assert "is there already; expected a new folder" in refusal(plan, capsys)
    assert "missing.npz cannot be used: No such file" in refusal(
        dataclasses.replace(
            plan, checkpoint=plan.checkpoint.with_name("missing.npz"), run_dir=plan.run_dir / "new"
        ),
        capsys,
    )


def test_an_import_that_is_stopped_leaves_nothing(plan):
    with mock.patch("shutil.copyfile", side_effect=KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            import_checkpoint(plan)
    assert list(plan.run_dir.parent.iterdir()) == []
    import_checkpoint(plan)
    assert (plan.run_dir / "checkpoints" / "best.keras").exists()


def test_only_a_resnet_becomes_such_a_checkpoint(tmp_path):
    networks.build("wrn-10-1", (8, 8, 1), 3).save(tmp_path / "a.keras")
    with pytest.raises(InputError, match="wrn-10-1 has the layer bn_last"):
        export_checkpoint(tmp_path / "a.keras", tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
