import cv2
import numpy as np
import pytest

from robust_tf.data.examples import CorruptImage
from robust_tf.data.image_folder import bare, by_bare_name, by_size, images_in, levels
from robust_tf.errors import InputError
from tests.pictures import write


def test_images_come_in_the_order_of_their_names_whatever_these_are(tmp_path):
    names = ["B.PNG", "a b.png", "a,b.jpg", "c.JPEG", "ü.png"]
    for name in (*names, ".hidden.png", "a.png/x.png"):
        write(tmp_path / name, 1, 2, 3)
    (tmp_path / "labels.csv").touch()
    assert [path.name for path in images_in(tmp_path, "--input_dir")] == sorted(names)


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(InputError, match="^--input_dir=.* has no images; expected"):
        images_in(tmp_path, "--input_dir")
    with pytest.raises(InputError, match="is no folder; expected"):
        images_in(tmp_path / "nowhere", "--input_dir")


def test_a_name_without_its_suffix():
    names = ["a.png", "a.JPG", "a.jpeg", "a.png.png", "a.b", "png"]
    assert [bare(name) for name in names] == ["a", "a", "a", "a.png", "a.b", "png"]


def test_two_images_that_would_be_one_are_refused(tmp_path):
    assert list(by_bare_name([tmp_path / "a.png", tmp_path / "b.jpg"])) == ["a", "b"]
    with pytest.raises(InputError, match="a.png and a.jpg differ in their suffixes alone"):
        by_bare_name([tmp_path / "a.png", tmp_path / "a.jpg"])


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.array([[7, 200]], np.uint8), [[7, 7, 7], [200, 200, 200]]),
        (np.array([[[3, 2, 1], [30, 20, 10]]], np.uint8), [[1, 2, 3], [10, 20, 30]]),
        (np.array([[[3, 2, 1, 0], [30, 20, 10, 128]]], np.uint8), [[1, 2, 3], [10, 20, 30]]),
        (np.array([[0x07FF, 0xC800]], np.uint16), [[7, 7, 7], [200, 200, 200]]),
    ],
    ids=["grey", "colour", "transparent", "16 bits"],
)
def test_levels_of_every_kind_of_png(pixels, expected, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    assert levels(tmp_path / "a.png").tolist() == [expected]


def test_what_cannot_be_read_is_named_and_the_rest_goes_by_size(tmp_path):
    for name, size in (("a.png", (2, 3)), ("b.png", (4, 4)), ("c.png", (2, 3)), ("d.png", (9, 9))):
        write(tmp_path / name, 1, 2, 3, size=size)
    whole = (tmp_path / "d.png").read_bytes()
    (tmp_path / "d.png").write_bytes(whole[: len(whole) - 20])
    (tmp_path / "e.png").write_bytes(b"no image")
    sizes, unread = by_size(images_in(tmp_path, "--input_dir"))
    assert sizes == {(2, 3): [0, 2], (4, 4): [1]}
    assert unread == [f"{tmp_path}/{name}.png: no whole JPEG or PNG image" for name in "de"]
    with pytest.raises(CorruptImage, match="nowhere.png: No such file"):
        levels(tmp_path / "nowhere.png")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
