"""Images that are kept for other judges."""

import numpy as np
import pytest

from robust_tf.evaluation.keeping import Kept, origins

IMAGES = np.random.default_rng(0).uniform(size=(5, 2, 2, 1)).astype(np.float32)


def test_what_was_added_comes_back_in_any_order_and_from_disk(tmp_path):
    kept = Kept(tmp_path, {"attack": "pgd"})
    kept.add(np.array([7, 3, 5]), (IMAGES[:3], 2 * IMAGES[:3]))
    kept.add(np.array([4, 9]), (IMAGES[3:], 2 * IMAGES[3:]))
    for one in (kept, Kept(tmp_path, {"attack": "pgd"})):
        first, second = one.get(np.array([9, 7, 5]))
        np.testing.assert_array_equal(first, IMAGES[[4, 0, 2]])
        np.testing.assert_array_equal(second, 2 * IMAGES[[4, 0, 2]])
        assert one.missing(np.array([3, 8, 9, 0])).tolist() == [False, True, False, True]


def test_what_depends_on_something_else_is_not_taken(tmp_path):
    Kept(tmp_path, {"attack": "pgd", "seed": 0}).add(np.array([0]), (IMAGES[:1],))
    assert Kept(tmp_path, {"seed": 0, "attack": "pgd"}).missing(np.array([0])).tolist() == [False]
    assert Kept(tmp_path, {"seed": 1, "attack": "pgd"}).missing(np.array([0])).tolist() == [True]


def test_an_image_is_known_by_its_index_what_it_shows_and_its_label(tmp_path):
    label, index = np.array([4, 4, 4, 4, 4]), np.array([7, 3, 5, 2**31 - 1, 0])
    known = origins(IMAGES, label, index)
    Kept(tmp_path, {}).add(known, (IMAGES,))
    kept = Kept(tmp_path, {})
    assert not kept.missing(origins(IMAGES[::-1], label, index[::-1])).any()
    other = IMAGES.copy()
    other[2, 1, 1, 0] = np.nextafter(other[2, 1, 1, 0], 1)
    assert np.flatnonzero(kept.missing(origins(other, label, index))).tolist() == [2]
    label[1] = 5
    assert np.flatnonzero(kept.missing(origins(IMAGES, label, index))).tolist() == [1]
    # Kept beside what was there, though both begin with the same index.
    kept.add(origins(IMAGES[1:2], label[:1], index[:1]), (IMAGES[1:2],))
    assert not Kept(tmp_path, {}).missing(known).any()


def test_a_file_that_was_not_finished_is_passed_over(tmp_path):
    kept = Kept(tmp_path, {})
    kept.add(np.array([2]), (IMAGES[:1],))
    folder = next(tmp_path.iterdir())
    (folder / "writing-00000000000000000003-1.npz").write_bytes(b"half")
    assert Kept(tmp_path, {}).missing(np.array([2, 3])).tolist() == [False, True]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
