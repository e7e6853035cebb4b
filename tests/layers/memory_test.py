"""Tests of robust_tf.layers.memory, beside the graphs that TensorFlow makes of the blocks."""

import keras
import pytest
import tensorflow as tf

from robust_tf.layers.memory import Memory, memory
from robust_tf.layers.non_local import NonLocal
from robust_tf.networks.parts import Parts

# What gives on the memory of its input.
_VIEWS = {"Reshape", "Identity"}
_NOT_KEPT = {"Const", "Placeholder", "ReadVariableOp"}


def _block(kind: str, positions: int, channels: int, dtype: str) -> keras.Model:
    """A denoising block behind a layer of its dtype."""
    parts = Parts("relu", False, dtype, 0, kind, "block")
    images = keras.Input((positions, 1, channels), dtype=parts.full_dtype)
    x = parts.layer(keras.layers.Identity, "before")(images)
    return keras.Model(images, parts.denoised(x, "block"))


def _needed(gradients: list[tf.Tensor]) -> set[tf.Operation]:
    """The operations without which there would be no gradient."""
    found, waiting = set(), [gradient.op for gradient in gradients]
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting += [tensor.op for tensor in operation.inputs]
    return found


def _kept(model: keras.Model, batch: int) -> int:
    """Bytes an image that the way back takes from the way forward of a training step."""
    gradients = []

    @tf.function(autograph=False)
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x, training=True)
            loss = tf.reduce_sum(y * y)
        # To the input as well: layers before the block are trained too.
        weights = [v.value for v in model.trainable_variables]
        gradients.extend(tape.gradient(loss, [x, *weights]))
        return gradients

    step.get_concrete_function(tf.TensorSpec((batch, *model.input.shape[1:]), model.input.dtype))
    held = {}
    for operation in _needed(gradients):
        for tensor in operation.inputs if operation.name.startswith("gradient_tape") else ():
            while tensor.op.type in _VIEWS or _is_no_cast(tensor):
                tensor = tensor.op.inputs[0]
            held[tensor.name] = tensor
    of_batch = [t for t in held.values() if t.shape.rank and t.shape[0] == batch]
    return sum(_bytes(t) for t in of_batch if not _made_on_the_way_back(t)) // batch


def _is_no_cast(tensor: tf.Tensor) -> bool:
    """Whether it is a cast that leaves the type, or that of the model's own input."""
    if tensor.op.type != "Cast":
        return False
    source = tensor.op.inputs[0]
    return source.dtype == tensor.dtype or source.op.type == "Placeholder"


def _made_on_the_way_back(tensor: tf.Tensor) -> bool:
    name = tensor.op.name
    return name.startswith(("gradient_tape", "AddN")) or tensor.op.type in _NOT_KEPT


def _bytes(tensor: tf.Tensor) -> int:
    return tensor.shape.num_elements() * tensor.dtype.size


@pytest.mark.parametrize(
    ("kind", "positions", "channels", "dtype"),
    [
        ("dot", 48, 16, "float32"),
        ("dot", 16, 48, "float32"),
        ("dot", 48, 16, "mixed_bfloat16"),
        ("dot", 48, 16, "float64"),
        ("gaussian", 48, 16, "float32"),
        ("embedded_gaussian", 48, 16, "float32"),
        ("embedded_gaussian", 48, 16, "mixed_bfloat16"),
        ("concatenation", 48, 16, "float32"),
    ],
)
def test_what_is_kept_is_what_the_graph_of_a_training_step_keeps(kind, positions, channels, dtype):
    model = _block(kind, positions, channels, dtype)
    assert memory(model.get_layer("block_denoise")).kept == _kept(model, batch=3)


def _built(kind: str, positions: int, channels: int, **options) -> NonLocal:
    made = NonLocal(kind, **options)
    made.build((None, positions, 1, channels))
    return made


def test_dot_by_hand():
    """Of 6 positions and 4 channels: maps of 24 numbers, a matrix of 4 x 4, in float32."""
    expected = Memory(6, 4, 4, 1, forward=4 * (2 * 24 + 16), kept=4 * (5 * 24 + 16))
    assert memory(_built("dot", 6, 4)) == expected
    assert memory(_built("dot", 3, 4)).rows == 3


def test_chunks_hold_a_part_of_the_matrix_and_keep_none_of_it():
    """Of 6 positions and 4 channels: two chunks of 3 rows of 6."""
    whole = memory(_built("embedded_gaussian", 6, 4))
    parts = memory(_built("embedded_gaussian", 6, 4, max_affinity=18))
    assert (whole.chunks, whole.forward, whole.kept) == (1, 4 * (24 + 36), 4 * (4 * 24 + 36))
    assert (parts.chunks, parts.forward, parts.kept) == (2, 4 * (24 + 18 + 2 * 24), 4 * 4 * 24)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
