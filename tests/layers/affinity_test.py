"""Means in chunks against the same means as a whole: numbers, derivatives, memory."""

import weakref
from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from robust_tf.layers import NonLocal, affinity

KINDS = {"softmax": affinity.SOFTMAX, "rectified": affinity.RECTIFIED}
POSITIONS, WHOLE = 15, 15**2
# Four chunks of four queries, the last of which is padding.
LIMIT = 60


def given(width: int) -> list[tf.Tensor]:
    """Queries and keys of some width, and x with three channels."""
    rng = np.random.default_rng(width)
    shapes = [(2, POSITIONS, width), (2, POSITIONS, width), (2, POSITIONS, 3)]
    return [tf.constant(rng.normal(size=shape)) for shape in shapes]


def value_and_gradients(kind: str, limit: int) -> Callable[..., list[tf.Tensor]]:
    """A function of queries, keys and x."""

    def function(*arguments):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(arguments)
            y = affinity.means(KINDS[kind], *arguments, limit)
            scalar = tf.reduce_sum(y**3)
        return [y, *tape.gradient(scalar, arguments)]

    return function


def in_graph(function, *arguments, **options):
    """The function's values from a graph that does not know the batch's size."""
    signature = [tf.TensorSpec((None, *t.shape[1:]), t.dtype) for t in arguments]
    return tf.function(function, input_signature=signature, **options)(*arguments)


def in_loop(function, *arguments):
    """The function's values from the body of a loop, as attacks compute them."""

    def loop(*arguments):
        blank = [tf.zeros_like(t) for t in function(*arguments)]
        turn = lambda i, _: (i + 1, function(*arguments))  # noqa: E731
        return tf.while_loop(lambda i, _: i < 2, turn, (0, blank))[1]

    return in_graph(loop, *arguments)


MODES = {
    "eager": lambda function, *arguments: function(*arguments),
    "graph": in_graph,
    "loop": in_loop,
    "xla": lambda function, *arguments: in_graph(function, *arguments, jit_compile=True),
}


def same(got, want) -> None:
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def test_one_query_by_hand():
    q, k, x = (np.array(t, "float64").reshape(1, 2, 1) for t in ([1, -1], [3, -1], [10, 20]))
    # The scores are (3, -1) and (-3, 1).
    got = np.ravel(affinity.means(affinity.RECTIFIED, q, k, x, limit=4))
    assert got.tolist() == pytest.approx([3 * 10 / 2, 1 * 20 / 2])
    got = np.ravel(affinity.means(affinity.SOFTMAX, q, k, x, limit=4))
    e = np.exp(4)
    assert got.tolist() == pytest.approx([(10 * e + 20) / (e + 1), (10 + 20 * e) / (1 + e)])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_chunks_change_neither_values_nor_gradients(kind, mode):
    arguments = given(width=2)
    want = value_and_gradients(kind, WHOLE)(*arguments)
    same(MODES[mode](value_and_gradients(kind, LIMIT), *arguments), want)


@pytest.mark.parametrize("width", [1, 3, 5])
@pytest.mark.parametrize("limit", [1, 8 * POSITIONS, WHOLE - 1])
def test_any_widths_and_limits(limit, width):
    arguments = given(width)
    want = value_and_gradients("softmax", WHOLE)(*arguments)
    same(value_and_gradients("softmax", limit)(*arguments), want)


@pytest.mark.parametrize("kind", KINDS)
def test_chunks_have_second_derivatives(kind):
    arguments = given(width=2)

    def second(limit):
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            _, *gradients = value_and_gradients(kind, limit)(*arguments)
            scalar = sum(tf.reduce_sum(g**2) for g in gradients)
        return tape.gradient(scalar, arguments)

    same(second(LIMIT), second(WHOLE))


@pytest.mark.parametrize("limit", [5 * POSITIONS, WHOLE])
@pytest.mark.parametrize("kind", KINDS)
def test_no_tensor_exceeds_the_limit(kind, limit):
    specs = [tf.TensorSpec((1, POSITIONS, width), "float64") for width in (2, 2, 3)]
    graph = tf.function(value_and_gradients(kind, limit)).get_concrete_function(*specs).graph
    graphs = [graph, *(f.graph for f in graph._functions.values() if hasattr(f, "graph"))]
    tensors = [t for g in graphs for op in g.get_operations() for t in op.outputs]
    assert max(t.shape.num_elements() or 0 for t in tensors) == limit
    assert len(graphs) > 1 or limit == WHOLE


def test_a_tape_holds_no_chunk():
    seen = []

    def watched_softmax(s):
        f = affinity.SOFTMAX.f(s)
        seen.append(weakref.ref(f))
        return f

    arguments = given(width=2)
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        kind = affinity.Affinity(watched_softmax, affinity.SOFTMAX.gradient)
        y = affinity.means(kind, *arguments, limit=LIMIT)
        assert len(seen) == 4
        assert not any(chunk() is not None for chunk in seen)
    assert tape.gradient(y, arguments)


def test_exported_chunks_have_their_gradient(tmp_path):
    images = keras.Input((3, 5, 4))
    network = keras.Model(images, NonLocal("embedded_gaussian", max_affinity=LIMIT)(images))
    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.add_endpoint("serve", network.call, [keras.InputSpec("float32", (None, 3, 5, 4))])
    archive.write_out(tmp_path, verbose=False)
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 3, 5, 4)), tf.float32)
    gradients = []
    loaded = tf.saved_model.load(tmp_path)
    for function in (loaded.serve, network):
        with tf.GradientTape() as tape:
            tape.watch(x)
            scalar = tf.reduce_sum(function(x) ** 3)
        gradients.append(tape.gradient(scalar, x))
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-5)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
