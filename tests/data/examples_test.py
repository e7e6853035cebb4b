"""Examples: parts keep the official indices, and what is held out depends on the seed alone."""

import numpy as np
import pytest

from robust_tf.data.examples import ArrayImages, CorruptImage, Examples, FileImages, holdout
from robust_tf.errors import InputError

SHAPE = (2, 2, 1)


def numbered(count):
    """Examples whose pixels say their index and whose label is the index modulo 3."""
    pixels = np.tile(np.arange(count, dtype=np.uint8)[:, None, None, None], (1, *SHAPE))
    return Examples("toy", "train", "abc", ArrayImages(pixels, "toy"), np.arange(count) % 3, SHAPE)


def test_parts_of_parts_keep_image_label_and_index_together():
    part = numbered(20).subset([9, 3, 15, 4]).subset([2, 0]).first(5)
    assert part.indices.tolist() == [15, 9]
    assert part.labels.tolist() == [0, 0] and part.labels.dtype == np.int64
    assert [part.image(i)[0, 0, 0] for i in range(len(part))] == [15, 9]
    assert part.class_names == ("a", "b", "c")


def test_first():
    assert numbered(5).first(2).indices.tolist() == [0, 1]
    assert len(numbered(5).first(9)) == 5


def test_holdout_is_a_partition_in_order_that_the_seed_decides():
    whole = numbered(40)
    train, held_out = holdout(whole, 0.25, seed=3)
    assert len(held_out) == 10
    assert sorted([*train.indices, *held_out.indices]) == list(range(40))
    assert (np.diff(train.indices) > 0).all() and (np.diff(held_out.indices) > 0).all()
    assert holdout(whole, 0.25, seed=3)[1].indices.tolist() == held_out.indices.tolist()
    assert holdout(whole, 0.25, seed=4)[1].indices.tolist() != held_out.indices.tolist()


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_holdout_refuses_shares_that_leave_nothing(share):
    with pytest.raises(InputError, match="expected a share between 0 and 1"):
        holdout(numbered(10), share, seed=0)


def test_ready_means_that_no_resizing_is_left():
    pixels = np.zeros((3, 2, 2, 1), np.uint8)
    images = ArrayImages(pixels, "toy")
    assert Examples("toy", "test", "a", images, np.zeros(3), (2, 2, 1)).ready
    resized = Examples("toy", "test", "a", images, np.zeros(3), (4, 4, 3))
    assert not resized.ready and resized.image(0).shape == (4, 4, 3)


def test_unreadable_files_are_named(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff no picture")
    gone = tmp_path / "gone.jpg"
    examples = Examples("toy", "test", "a", FileImages([broken, gone]), np.zeros(2), (4, 4, 3))
    with pytest.raises(CorruptImage, match="broken.jpg: no whole JPEG or PNG"):
        examples.image(0)
    with pytest.raises(CorruptImage, match="gone.jpg: No such file"):
        examples.image(1)


def test_the_first_of_each_class_are_trained_on_and_others_held_out():
    whole = numbered(40)
    train, held_out = holdout(whole, 0.25, seed=3, per_class=4)
    # Labels are 0, 1, 2, 0, 1, 2, ...: the first four of each are the first twelve.
    assert train.indices.tolist() == list(range(12))
    assert len(held_out) == 10 and held_out.indices.min() >= 12
    assert (np.diff(held_out.indices) > 0).all()


@pytest.mark.parametrize("per_class", [11, 100])
def test_classes_that_leave_nothing_to_hold_out_are_refused(per_class):
    with pytest.raises(InputError, match=f"--per_class={per_class} leaves .* expected fewer"):
        holdout(numbered(40), 0.25, seed=0, per_class=per_class)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
