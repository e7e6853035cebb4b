"""Counts and times ImageNet networks on one core, for tools/scaling --measure.

CPU seconds of one thread, which other work on the machine changes little.
"""

import json
import os
import pathlib
import time

for _name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
    os.environ[_name] = "1"

from robust_tf import starting  # noqa: E402
from tools.network_costs import architecture  # noqa: E402

with starting.tensorflow():
    import keras
    import tensorflow as tf

    from robust_tf import files, networks

SIZE, BATCH, ROUNDS = 112, 4, 2
TIMED = ("resnet-50", "resnet-101", "resnet-50, embedded_gaussian at groups")
COUNTED = ("resnext-101-32x8d, dot at blocks",)


def _seconds(call, x: tf.Tensor) -> float:
    """CPU seconds of a call, the least of some; the first, which traces, does not count."""
    call(x)
    taken = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        tf.nest.map_structure(lambda t: t.numpy(), call(x))
        taken.append(time.process_time() - begun)
    return min(taken)


def _network(name: str) -> keras.Model:
    network, denoise, place = architecture(name)
    options = {"stem": "imagenet", "denoise": denoise, "denoise_at": place}
    return networks.build(network, (SIZE, SIZE, 3), 1000, **options)


def graph_flops(network: keras.Model) -> int:
    """What TensorFlow's profiler counts in the graph of a forward pass of one image."""
    # The profiler calls what is deprecated, and would be warned of.
    tf.get_logger().setLevel("ERROR")
    x = tf.TensorSpec((1, *network.input_shape[1:]), tf.float32)
    graph = tf.function(lambda x: network(x, training=False)).get_concrete_function(x).graph
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation())
    return profiler.profile(graph, options=options.with_empty_output().build()).total_float_ops


def steps(network: keras.Model) -> list[float]:
    """CPU seconds of an attack step and of a training step."""

    def gradient(x, training, sources):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_mean(tf.reduce_logsumexp(network(x, training=training), axis=-1))
        return tape.gradient(loss, sources(x))

    weights = [v.value for v in network.trainable_variables]
    attack = tf.function(lambda x: gradient(x, False, lambda x: x), autograph=False)
    training = tf.function(lambda x: gradient(x, True, lambda _: weights), autograph=False)
    x = tf.random.stateless_uniform((BATCH, SIZE, SIZE, 3), (0, 0))
    return [round(_seconds(attack, x), 3), round(_seconds(training, x), 3)]


def measure(path: pathlib.Path) -> None:
    """Measures one network after the other, and writes what it found."""
    found = {"size": SIZE, "batch": BATCH, "tensorflow": tf.__version__, "flops": {}, "seconds": {}}
    for name in (*TIMED, *COUNTED):
        network = _network(name)
        found["flops"][name] = graph_flops(network)
        if name in TIMED:
            found["seconds"][name] = steps(network)
        print(name, found["flops"][name], *found["seconds"].get(name, ()), flush=True)
        keras.backend.clear_session()
    with files.replacing(path) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n")
    print(f"Measurements written to {path}")
