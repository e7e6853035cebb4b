"""tools/make_lmdb and tools/bench_data as a user types them."""

import sys

import pytest

from robust_tf.data.augmentation import augmentation
from robust_tf.data.sources import load
from tests.commands.running import run
from tests.data.imagenet_files import encoded, levels, write_train


def test_make_lmdb(tmp_path):
    write_train(tmp_path)
    broken = tmp_path / "train" / "n01440764" / "n01440764_0.JPEG"
    broken.write_bytes(encoded(10)[:100])
    line = (sys.executable, "tools/make_lmdb", f"--data_dir={tmp_path}")
    done = run(*line, f"--output_dir={tmp_path}/out", "--shards=2")
    assert done.stderr == ""
    (named, written) = done.stdout.splitlines()
    assert named == f"{broken} is no whole JPEG or PNG file; training passes over it."
    assert written.startswith(f"Written to {tmp_path}/out: 6 images, 2 files train-*.lmdb of 0 MB")
    assert written.endswith(f"--dataset=imagenet --data_dir={tmp_path}/out reads them.")
    train = load("imagenet", "train", data_dir=tmp_path / "out", image_size=4)
    assert levels(train.subset(range(1, 6))) == [20, 30, 40, 50, 60]


def test_make_lmdb_says_how_another_set_is_read_as_itself(tmp_path):
    line = (sys.executable, "tools/make_lmdb", "--dataset=digits", f"--output_dir={tmp_path}")
    done = run(*line)
    flags = "--dataset=lmdb --image_size=8 --channels=1 --augment=none"
    assert done.stdout.endswith(f" {flags} --data_dir={tmp_path} reads them.\n")
    named = dict(flag[2:].split("=") for flag in flags.split())
    read = load(
        named["dataset"],
        "train",
        data_dir=tmp_path,
        image_size=int(named["image_size"]),
        channels=int(named["channels"]),
    )
    own = load("digits", "train")
    assert augmentation(named["augment"], "lmdb") is augmentation("auto", "digits")
    assert read.image_shape == own.image_shape and len(read) == len(own)
    for position in (0, 700, len(own) - 1):
        assert (read.image(position) == own.image(position)).all()
        assert read.labels[position] == own.labels[position]


def test_bench_data(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded(100, size=(64, 64))[:100])
    (tmp_path / "b.jpg").write_bytes(encoded(100, size=(64, 64)))
    line = (sys.executable, "tools/bench_data", str(tmp_path), "--rounds=1")
    done = run(*line, "--images_per_second=5.9,400")
    passed_over = f"{tmp_path}/a.jpg is no whole JPEG or PNG image; it is passed over.\n"
    assert done.stderr == passed_over
    rows = [row.split() for row in done.stdout.splitlines()]
    (as_they_are, larger), needs = rows[2:4], rows[-2:]
    for row in (as_they_are, larger):
        alone, augmented = (float(number.replace(",", "")) for number in row[-3:-1])
        assert float(row[-1]) == pytest.approx(augmented / alone, abs=0.02)
    speed = float(larger[-2].replace(",", ""))
    for (given, cores, _), rate in zip(needs, (5.9, 400), strict=True):
        assert float(given) == rate
        assert float(cores.replace(",", "")) == pytest.approx(128 * rate / speed, abs=0.1, rel=0.02)
    refused = "bench_data: {} holds no whole .jpg, .jpeg, .png file; expected a folder of them.\n"
    done = run(*line[:-2], str(tmp_path / "none"), status=2)
    assert done.stderr == refused.format(tmp_path / "none")
    (tmp_path / "b.jpg").unlink()
    done = run(*line, status=2)
    assert done.stderr == passed_over + refused.format(tmp_path)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
