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


def test_a_graph_draws_what_python_draws():
    def draw(index):
        seeds = draws.fold(draws.image_seeds(0, 1, index), 2)
        return draws.per_image(tf.random.stateless_normal, seeds, (3,))

    index = tf.constant([4, 1, 7])
    signature = [tf.TensorSpec([None], tf.int32)]
    np.testing.assert_array_equal(tf.function(draw, input_signature=signature)(index), draw(index))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
