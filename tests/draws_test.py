"""Tests of robust_tf.draws."""

import numpy as np
import pytest
import tensorflow as tf

from robust_tf import draws


def test_a_seed_is_an_int32_pair_of_its_image_alone():
    index = tf.constant([5, 9, 2, 40_000])
    together = draws.image_seeds(3, 11, index).numpy()
    alone = [draws.image_seeds(3, 11, index[i : i + 1]).numpy()[0] for i in range(4)]
    assert together.shape == (4, 2) and together.dtype == np.int32
    np.testing.assert_array_equal(together, alone)


def test_seeds_differ_between_runs_steps_and_images():
    index = tf.range(500)
    pairs = [draws.image_seeds(run, step, index) for run in (0, 1) for step in range(5)]
    assert len(np.unique(np.concatenate(pairs), axis=0)) == 2 * 5 * 500


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_a_step_may_be_a_number_or_a_tensor_of_any_width(dtype):
    index = tf.range(3)
    expected = draws.image_seeds(0, 4, index)
    step, wide = tf.constant(4, dtype), tf.cast(index, dtype)
    np.testing.assert_array_equal(draws.image_seeds(0, step, wide), expected)


def test_seeds_without_blocks_are_what_they_always_were():
    """Results are repeated by them."""
    pairs = draws.image_seeds(3, 11, [5, 9, 40_000]).numpy().tolist()
    assert pairs == [[1587783766, n] for n in (1114304230, -1130560255, -1492827831)]
    assert draws.uniform(draws.image_seeds(3, 11, [5]), ()).numpy() == np.float32(0.88794583)


def test_images_of_a_block_share_what_is_drawn_from_their_first_number():
    index = np.random.default_rng(0).permutation(96).astype(np.int32)
    pairs = draws.fold(draws.image_seeds(3, 11, index, block=32), 1).numpy()
    assert len(np.unique(pairs, axis=0)) == 96
    firsts = [set(pairs[index // 32 == block, 0]) for block in range(3)]
    assert [len(first) for first in firsts] == [1, 1, 1] and len(set.union(*firsts)) == 3
    drawn = draws.uniform(draws.shared(pairs), ()).numpy()
    assert [len(set(drawn[index // 32 == block])) for block in range(3)] == [1, 1, 1]
    assert len(set(drawn)) == 3


def test_blocks_have_other_seeds_in_other_runs_and_steps():
    index = tf.range(0, 320, 32)
    firsts = [draws.image_seeds(run, step, index, 32)[:, 0] for run in (0, 1) for step in (0, 1)]
    assert len(np.unique(np.concatenate(firsts))) == 4 * 10


def test_fold_gives_streams_of_their_own():
    seeds = draws.image_seeds(0, 0, tf.range(30))
    streams = [seeds, *(draws.fold(seeds, data) for data in (-1, 0, 1, 2))]
    streams.append(draws.fold(draws.fold(seeds, 0), 1))
    assert len(np.unique(np.concatenate(streams), axis=0)) == 6 * 30


def test_fold_takes_a_loop_counter():
    seeds = draws.image_seeds(0, 0, tf.range(2))
    np.testing.assert_array_equal(draws.fold(seeds, tf.constant(3)), draws.fold(seeds, 3))


def test_per_image_is_the_draw_of_each_seed():
    seeds = draws.image_seeds(1, 2, tf.range(3))
    drawn = draws.per_image(tf.random.stateless_uniform, seeds, (2, 2, 1), minval=-3.0, maxval=5.0)
    alone = [
        tf.random.stateless_uniform((2, 2, 1), seed, minval=-3.0, maxval=5.0, alg="philox")
        for seed in seeds
    ]
    np.testing.assert_array_equal(drawn, alone)


def test_per_image_draws_whole_numbers():
    seeds = draws.image_seeds(0, 0, tf.range(60))
    options = dict(minval=1, maxval=4, dtype=tf.int32)
    drawn = draws.per_image(tf.random.stateless_uniform, seeds, **options)
    assert drawn.dtype == tf.int32 and drawn.shape == (60,)
    assert set(drawn.numpy()) == {1, 2, 3}


def test_uniform_draws_have_their_moments_and_do_not_repeat_from_step_to_step():
    @tf.function(autograph=False)
    def draw(step):
        seeds = draws.image_seeds(0, step, tf.range(2000))
        return draws.per_image(tf.random.stateless_uniform, seeds)

    first, second = draw(tf.constant(0)), draw(tf.constant(1))
    for drawn in (first, second):
        # Five standard errors.
        assert abs(np.mean(drawn) - 0.5) < 5 / np.sqrt(12 * 2000)
        assert abs(np.var(drawn) - 1 / 12) < 0.01
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(2000)


def test_uniform_is_uniform_over_images_and_over_counters():
    drawn = draws.uniform(draws.image_seeds(0, 0, tf.range(2000)), (4, 5)).numpy()
    assert drawn.shape == (2000, 4, 5) and drawn.dtype == np.float32
    assert drawn.min() >= 0 and drawn.max() < 1
    in_tenth = np.histogram(drawn, bins=10, range=(0, 1))[0]
    # chi^2 of 9 degrees of freedom; 40 is passed by one in 100,000.
    assert np.sum((in_tenth - 4000) ** 2 / 4000) < 40
    assert len(np.unique(drawn)) > 0.99 * drawn.size
    # Every bit is set half of the time.
    bits = (drawn * 2.0**24).astype(np.int64).ravel()[:, None] >> np.arange(24) & 1
    assert np.all(np.abs(bits.mean(axis=0) - 0.5) < 5 * 0.5 / np.sqrt(40_000))


def test_uniform_draws_are_independent():
    """Of counters, of images that are neighbours, of steps and of the seeds of a sub-stream."""
    seeds = draws.image_seeds(0, 0, tf.range(3000))
    drawn = draws.uniform(seeds, (3,)).numpy()
    later = draws.uniform(draws.fold(seeds, 1), (1,)).numpy()
    other_run = draws.uniform(draws.image_seeds(1, 0, tf.range(3000)), (1,)).numpy()
    folded = np.stack([draws.fold(seeds, i).numpy()[:, 1] for i in range(3)], axis=1)
    columns = [drawn[:-1], drawn[1:, :1], later[:-1], other_run[:-1], folded[:-1]]
    correlations = np.corrcoef(np.concatenate(columns, axis=1), rowvar=False)
    np.fill_diagonal(correlations, 0)
    assert np.abs(correlations).max() < 5 / np.sqrt(3000)


def test_uniform_draws_of_an_image_do_not_depend_on_its_neighbours():
    seeds = draws.image_seeds(3, 1, tf.range(5))
    together = draws.uniform(seeds, (2, 3)).numpy()
    np.testing.assert_array_equal(draws.uniform(seeds[3:4], (2, 3))[0], together[3])
    # More numbers begin with the same ones.
    np.testing.assert_array_equal(draws.uniform(seeds, (7,))[:, :6], together.reshape(5, 6))
    graph = tf.function(lambda s: draws.uniform(s, (2, 3)), autograph=False)
    np.testing.assert_array_equal(graph(seeds), together)


def test_a_graph_draws_what_python_draws():
    def draw(index):
        seeds = draws.fold(draws.image_seeds(0, 1, index), 2)
        return draws.per_image(tf.random.stateless_normal, seeds, (3,))

    index = tf.constant([4, 1, 7])
    signature = [tf.TensorSpec([None], tf.int32)]
    np.testing.assert_array_equal(tf.function(draw, input_signature=signature)(index), draw(index))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
