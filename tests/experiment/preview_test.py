"""Tests of robust_tf.experiment.preview: what is said of a training before it begins."""

import pytest

from robust_tf import building, plans
from robust_tf.errors import InputError
from robust_tf.experiment import preview
from tests.commands.running import ROOT
from tests.commands.trainings import plan

DATA = preview.Data(1000, (8, 8, 1), 10)
ONE = preview.Cluster(1, 1)
FLAGS = ("--dataset=digits", "--network=cnn-small", "--attack_steps=5", "--epochs=10")


def _text(of: plans.Train, cluster: preview.Cluster = ONE) -> list[str]:
    network = building.network(of, DATA.image_shape, DATA.classes)
    return preview.text(of, network, DATA, cluster).splitlines()


def test_a_training_on_one_device_by_hand(tmp_path):
    flags = ("--batch_size=64", "--lr=0.5", "--schedule=constant")
    assert _text(plan(tmp_path, *FLAGS, *flags)) == [
        "images         1,000 of digits, 8 x 8 x 1",
        "replicas       1; 64 images each, 64 an update",
        "updates        15 an epoch, 150 in 10 epochs",
        "learning rate  0.5 at update 0",
        # 4 * 4 * 32 + 32, 4 * 4 * 32 * 64 + 64, 256 * 256 + 256, 256 * 10 + 10
        "network        cnn-small, 101,738 parameters, float32",
        # Of the 51 levels of 0.2.
        "attack         Linf 51/255, 5 steps of 12.75/255, untargeted, start uniform",
        "               5 passes forward and back of each image, beside those of pgd_at",
    ]


def test_a_training_on_many_by_hand(tmp_path):
    flags = ("--batch_size=64", "--accumulate=4", "--lr_per_256=1.6", "--schedule=piecewise")
    flags += ("--lr_drops=4,7", "--warmup_epochs=1", "--warmup_from=0.1", "--method=standard")
    lines = _text(plan(tmp_path, *FLAGS, *flags), preview.Cluster(workers=2, replicas=8))
    assert lines[1:] == [
        "replicas       8 on 2 workers; 8 images each in 4 parts of 2, 64 an update",
        "updates        15 an epoch, 150 in 10 epochs",
        "learning rate  0.1 at update 0",
        "               0.4 at update 15 (epoch 1)",
        "               0.04 at update 60 (epoch 4)",
        "               0.004 at update 105 (epoch 7)",
        "network        cnn-small, 101,738 parameters, float32",
        # Four bytes each; of a ring of eight, every one sends 14 eighths of them.
        "all-reduce     407 kB of gradients an update; a ring sends 712 kB a replica",
    ]


def test_a_course_is_told_where_it_turns(tmp_path):
    """At the last update of cosine; not in a warm-up that would not rise, nor after the end."""
    cosine = _text(plan(tmp_path, *FLAGS, "--batch_size=1000", "--schedule=cosine", "--lr=1"))
    assert cosine[3:5] == [
        "learning rate  1 at update 0",
        "               0.02447 at update 9 (the last)",
    ]
    flags = ("--schedule=piecewise", "--lr_drops=4,20", "--lr_per_256=0.1", "--batch_size=256")
    flat = _text(plan(tmp_path, *FLAGS, *flags, "--warmup_epochs=2", "--warmup_from=0.1"))
    assert flat[3:5] == [
        "learning rate  0.1 at update 0",
        "               0.01 at update 12 (epoch 4)",
    ]


def test_denoising_blocks_have_a_row_a_size(tmp_path):
    """Of 4 x 4 positions and 32 channels, and of 2 x 2 and 64, in maps of 512 and 256 numbers."""
    flags = ("--batch_size=1000", "--denoise=dot", "--denoise_at=block")
    table = [line.split() for line in _text(plan(tmp_path, *FLAGS, *flags))[-4:]]
    # Forward two maps and a matrix, kept five and the matrix.
    assert (
        table[0] == "denoising 2 dot blocks keep 16.4 MB for the gradient of 1,000 images".split()
    )
    assert table[2] == "1 16 32 16 x 16 5.12 MB 11.3 MB".split()
    assert table[3] == "1 4 64 4 x 4 2.11 MB 5.18 MB".split()


@pytest.mark.parametrize(
    ("flags", "cluster", "sentence"),
    [
        ((), preview.Cluster(1, 3), "--batch_size=64 cannot be shared evenly; expected a multiple"),
        (("--accumulate=3",), ONE, "--accumulate=3 must divide each replica's batch of 64 images."),
    ],
)
def test_what_cannot_be_shared_gets_its_sentence(flags, cluster, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        _text(plan(tmp_path, *FLAGS, "--batch_size=64", *flags), cluster)


def test_a_dry_run_needs_no_files_of_a_set_whose_size_is_known(tmp_path, capsys):
    flags = ("--dataset=cifar100", "--network=wrn-10-1", "--batch_size=490", "--dry_run")
    preview.dry_run(plan(tmp_path / "run", *flags, "--dry_run_replicas=10"))
    said = capsys.readouterr().out
    assert "images         49,000 of cifar100, 32 x 32 x 3\n" in said
    assert "replicas       10; 49 images each, 490 an update\n" in said
    assert "updates        100 an epoch" in said
    assert not (tmp_path / "run").exists()


def test_the_command_this_program_is_known_by(tmp_path, capsys, monkeypatch):
    # A nested flagfile is opened from there.
    monkeypatch.chdir(ROOT)
    flags = ("--flagfile=flags/caad.cfg", "--dry_run", "--dry_run_replicas=128")
    preview.dry_run(plan(tmp_path, *flags))
    said = capsys.readouterr().out
    for line in (
        "images         1,268,355 of imagenet, 224 x 224 x 3\n",
        "replicas       128; 32 images each, 4,096 an update\n",
        "updates        309 an epoch, 33,990 in 110 epochs\n",
        "learning rate  0.1 at update 0\n               1.6 at update 1,545 (epoch 5)\n",
        "               0.0016 at update 29,355 (epoch 95)\nnetwork ",
        "resnext-101-32x8d, 126,801,704 parameters, float32\n",
        "attack         Linf 16/255, 20 steps of 1/255, at random, start uniform, 0.2 of all from "
        "the image\n",
        "               20 passes forward and back of each image, beside those of pgd_at\n",
        "denoising      33 dot blocks keep 5.99 GB for the gradient of 32 images\n",
    ):
        assert line in said


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
