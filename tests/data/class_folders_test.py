"""Class folders of JPEG and PNG files."""

import numpy as np
import pytest
from PIL import Image

from robust_tf.data.sources import load
from robust_tf.errors import InputError


def write_classes(folder, counts, suffix=".png"):
    """A folder for each class; every image is one grey level, different for each."""
    level = 0
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for i in range(count):
            level += 1
            Image.new("RGB", (9, 7), (level,) * 3).save(folder / name / f"image_{i:04}{suffix}")


def levels(examples):
    return [int(examples.image(i)[0, 0, 0]) for i in range(len(examples))]


def test_folder_with_train_and_val(tmp_path):
    write_classes(tmp_path / "train", {"dog": 2, "cat": 3})
    write_classes(tmp_path / "val", {"dog": 1})
    (tmp_path / "train" / "notes.txt").write_text("no image")
    (tmp_path / "train" / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "train" / "empty").mkdir()
    train = load("folder", "train", data_dir=tmp_path, image_size=4)
    assert train.class_names == ("cat", "dog")
    assert train.labels.tolist() == [0, 0, 0, 1, 1]
    assert levels(train) == [3, 4, 5, 1, 2]
    test = load("folder", "test", data_dir=tmp_path)
    assert test.class_names == ("cat", "dog") and test.labels.tolist() == [1]
    assert test.image_shape == (224, 224, 3)


def test_folder_without_parts_is_split_by_seed(tmp_path):
    write_classes(tmp_path, {"a": 12, "b": 8})

    def parts(seed):
        return [
            levels(load("folder", split, data_dir=tmp_path, image_size=2, seed=seed))
            for split in ("train", "test")
        ]

    train, test = parts(0)
    assert len(test) == 4  # 20 %
    assert sorted(train + test) == list(range(1, 21))
    assert train == sorted(train) and test == sorted(test)
    assert parts(0) == [train, test]
    assert parts(1) != [train, test]


def test_a_class_of_its_own_in_test_is_refused(tmp_path):
    write_classes(tmp_path / "train", {"cat": 1})
    write_classes(tmp_path / "test", {"cow": 1})
    with pytest.raises(InputError, match="cow is a class that .*train does not have"):
        load("folder", "test", data_dir=tmp_path)


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(InputError, match="wants two or more images in folders"):
        load("folder", "train", data_dir=tmp_path)
    write_classes(tmp_path / "train", {"cat": 2})
    with pytest.raises(InputError, match="wants test/ or val/CLASS"):
        load("folder", "test", data_dir=tmp_path)
    with pytest.raises(InputError, match="--data_dir, which is not set"):
        load("folder", "train")


@pytest.mark.parametrize(
    ("name", "subfolder", "share"),
    [
        ("caltech101", "101_ObjectCategories", 866 / 9144),
        ("caltech101", "caltech101/101_ObjectCategories", 866 / 9144),
        ("caltech101", "caltech101", 866 / 9144),
        ("caltech256", "256_ObjectCategories", 1422 / 30607),
    ],
)
def test_caltech_splits_by_the_papers_share(tmp_path, name, subfolder, share):
    write_classes(tmp_path / subfolder, {"BACKGROUND_Google": 40, "ant": 30, "bee": 30}, ".jpg")
    train = load(name, "train", data_dir=tmp_path, image_size=2)
    test = load(name, "test", data_dir=tmp_path, image_size=2)
    assert len(test) == round(100 * share)
    assert train.class_names == test.class_names == ("BACKGROUND_Google", "ant", "bee")
    assert sorted(levels(train) + levels(test)) == list(range(1, 101))
    assert train.labels.tolist() == [0 if v <= 40 else 1 if v <= 70 else 2 for v in levels(train)]


def test_missing_caltech_is_named(tmp_path):
    with pytest.raises(InputError, match="101_ObjectCategories.*comes from data.caltech.edu"):
        load("caltech101", "train", data_dir=tmp_path)


def test_grey_files_have_three_channels(tmp_path):
    write_classes(tmp_path, {"a": 2, "b": 2})
    Image.new("L", (5, 5), 77).save(tmp_path / "a" / "image_0000.png")
    Image.new("L", (5, 5), 77).save(tmp_path / "a" / "image_0001.png")
    train = load("folder", "train", data_dir=tmp_path, image_size=3, seed=0)
    np.testing.assert_array_equal(train.image(0), np.full((3, 3, 3), 77))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
