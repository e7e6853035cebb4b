"""ILSVRC2012's folders, the files that label them, and the NIPS 2017 images."""

import cv2
import numpy as np
import pytest
import scipy.io

from robust_tf.data.class_names import IMAGENET, IMAGENET_WNIDS
from robust_tf.data.examples import CorruptImage
from robust_tf.data.pipeline import evaluation_dataset
from robust_tf.data.sources import load
from robust_tf.errors import InputError
from tests.data.imagenet_files import encoded, levels, write_train, write_val

TRUTH = "ILSVRC2012_validation_ground_truth.txt"


def test_the_table_of_classes():
    assert len(set(IMAGENET_WNIDS)) == len(set(IMAGENET)) == 1000
    assert list(IMAGENET_WNIDS) == sorted(IMAGENET_WNIDS)
    found = {label: (IMAGENET_WNIDS[label], IMAGENET[label]) for label in (0, 207, 701, 999)}
    assert found == {
        0: ("n01440764", "tench"),
        207: ("n02099601", "golden retriever"),
        701: ("n03888257", "parachute"),
        999: ("n15075141", "toilet tissue"),
    }


@pytest.mark.parametrize("inside", ["", "imagenet"])
def test_class_folders_keep_the_labels_of_the_full_table(tmp_path, inside):
    write_train(tmp_path / inside)
    (tmp_path / inside / "train" / "n01443537").mkdir()  # a class without images
    train = load("imagenet", "train", data_dir=tmp_path, image_size=4, crop="center")
    assert train.labels.tolist() == [0, 0, 2, 2, 999, 999]
    assert levels(train) == [10, 20, 30, 40, 50, 60]
    assert train.class_names == IMAGENET and train.describe(2).endswith("n01484850_0.JPEG")
    assert load("imagenet", "train", data_dir=tmp_path).image_shape == (224, 224, 3)


def test_a_folder_that_is_no_class(tmp_path):
    write_train(tmp_path)
    (tmp_path / "train" / "n01440765").mkdir()
    with pytest.raises(InputError, match="train/n01440765 is no class of ILSVRC2012; expected"):
        load("imagenet", "train", data_dir=tmp_path)


def test_validation_in_class_folders_or_with_a_list(tmp_path):
    write_train(tmp_path, labels=(5, 1))
    (tmp_path / "train").rename(tmp_path / "val")
    assert load("imagenet", "test", data_dir=tmp_path).labels.tolist() == [1, 1, 5, 5]
    listed = tmp_path / "listed"
    write_val(listed)
    lines = [f"ILSVRC2012_val_{i:08d}.JPEG {label}\n" for i, label in ((3, 7), (1, 65), (2, 970))]
    (listed / "val.txt").write_text("".join(lines))
    test = load("imagenet", "test", data_dir=listed, image_size=4)
    assert test.labels.tolist() == [65, 970, 7] and levels(test) == [10, 20, 30]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ILSVRC2012_val_00000001.JPEG 65\n", "no label for .*00000002.JPEG .2 of 3 images"),
        ("ILSVRC2012_val_00000001.JPEG\n", "val.txt cannot be read .*; expected lines such as"),
        ("".join(f"ILSVRC2012_val_{i:08d}.JPEG {999 + i}\n" for i in (0, 1, 2, 3)), "label 1000"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path, text, sentence):
    write_val(tmp_path)
    (tmp_path / "val.txt").write_text(text)
    with pytest.raises(InputError, match=sentence):
        load("imagenet", "test", data_dir=tmp_path)


def test_the_development_kit_counts_in_another_order(tmp_path):
    write_val(tmp_path)
    with pytest.raises(InputError, match="has 3 images in no class folders and .* no val.txt"):
        load("imagenet", "test", data_dir=tmp_path)
    (tmp_path / TRUTH).write_text("2\n3\n1\n")
    with pytest.raises(InputError, match="counts the classes in an order of its own, which .*meta"):
        load("imagenet", "test", data_dir=tmp_path)
    kind = [("ILSVRC2012_ID", "i2"), ("WNID", "O"), ("words", "O")]
    rows = [(1, "n02119789", "kit fox"), (2, "n02100735", "setter"), (3, "n01440764", "tench")]
    rows.append((1001, "n00001740", "entity"))
    synsets = np.array(rows, kind)[:, None]
    scipy.io.savemat(tmp_path / "meta.mat", {"synsets": synsets})
    test = load("imagenet", "test", data_dir=tmp_path)
    assert [test.class_names[label] for label in test.labels] == [
        "English setter",
        "tench",
        "kit fox",
    ]
    (tmp_path / TRUTH).write_text("2\n1001\n1\n")
    with pytest.raises(InputError, match=f"{TRUTH} cannot be read"):
        load("imagenet", "test", data_dir=tmp_path)


def test_nothing_there(tmp_path):
    for split, wanted in (("train", "wants train/WNID"), ("test", "wants val/WNID.*val.txt")):
        with pytest.raises(InputError, match=f"{wanted}.*it comes from image-net.org"):
            load("imagenet", split, data_dir=tmp_path)
    with pytest.raises(InputError, match="wants images/.*which is not set"):
        load("nips2017", "test")


def test_nips2017_by_either_label_file(tmp_path):
    (tmp_path / "images").mkdir()
    for name, level in (("b.png", 20), ("a.jpg", 10)):
        file_format = "PNG" if name.endswith("png") else "JPEG"
        (tmp_path / "images" / name).write_bytes(encoded(level, file_format))
    with pytest.raises(InputError, match="expected .*labels.csv or .*dev_dataset.csv"):
        load("nips2017", "test", data_dir=tmp_path)
    official = "ImageId,URL,TrueLabel,TargetClass\na,http://x,306,779\nb,http://y,1,2\n"
    (tmp_path / "dev_dataset.csv").write_text(official)
    expected = [305, 0]
    for _ in range(2):
        for split in ("train", "test"):
            examples = load("nips2017", split, data_dir=tmp_path, image_size=4)
            assert examples.labels.tolist() == expected and levels(examples) == [10, 20]
        (tmp_path / "labels.csv").write_text("image_id,label\nb.png,0\na,305\n")
    (tmp_path / "labels.csv").write_text("image_id,class\na,305\n")
    with pytest.raises(InputError, match="labels.csv has no column label"):
        load("nips2017", "test", data_dir=tmp_path)


def test_the_files_that_imagenet_is_known_for(tmp_path):
    """A PNG called JPEG (as n02105855_2933), grey and CMYK files work; a broken one is named."""
    folder = tmp_path / "train" / "n02105855"
    folder.mkdir(parents=True)
    kinds = {"png": ("PNG", "RGB"), "grey": ("JPEG", "L"), "cmyk": ("JPEG", "CMYK")}
    for name, (file_format, mode) in kinds.items():
        (folder / f"{name}.JPEG").write_bytes(encoded(120, file_format, mode))
    (folder / "broken.JPEG").write_bytes(encoded(120)[:-20])
    train = load("imagenet", "train", data_dir=tmp_path, image_size=32, crop="center")
    assert levels(train.subset([1, 2, 3])) == pytest.approx([120, 120, 120], abs=2)
    for read in (train.image, train.decoded):
        with pytest.raises(CorruptImage, match="n02105855/broken.JPEG: no whole JPEG or PNG"):
            read(0)
    images, labels, indices = next(iter(evaluation_dataset(train, 4)))
    assert indices.numpy().tolist() == [1, 2, 3] and set(labels.numpy()) == {230}
    assert IMAGENET[230] == "Shetland sheepdog"
    for image, position in zip(images.numpy(), (1, 2, 3), strict=True):
        assert np.abs(255 * image - train.image(position)).max() <= 2


def test_the_centre_is_what_validation_reads(tmp_path):
    write_val(tmp_path, count=1)
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    file = tmp_path / "val" / "ILSVRC2012_val_00000001.JPEG"
    file.write_bytes(cv2.imencode(".png", pixels[..., ::-1])[1].tobytes())
    (tmp_path / "val.txt").write_text(f"{file.name} 3\n")
    test = load("imagenet", "test", data_dir=tmp_path, crop="center")
    whole = cv2.resize(pixels, (341, 256), interpolation=cv2.INTER_CUBIC)
    (image, *_) = next(iter(evaluation_dataset(test, 1)))
    assert np.abs(255 * image[0] - whole[16:240, 58:282]).max() <= 1


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
