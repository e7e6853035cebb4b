"""An attack as the graph that an evaluation makes of it."""

import numpy as np
import tensorflow as tf

from tests.linear import seeds


def attacked(attack, victim, x, label, which=None) -> np.ndarray:
    """The attack as a graph, on all images or on some of them with the seeds that are theirs."""
    which = np.arange(len(x)) if which is None else np.asarray(which)
    graph = tf.function(
        lambda *batch: attack(victim, *batch),
        autograph=False,
        input_signature=[
            tf.TensorSpec((None, 2, 2, 1), tf.float32),
            tf.TensorSpec((None,), tf.int64),
            tf.TensorSpec((None, 2), tf.int32),
        ],
    )
    batch = x[which], np.asarray(label)[which], tf.gather(seeds(len(x)), which)
    return graph(*(tf.constant(t) for t in batch)).numpy()
