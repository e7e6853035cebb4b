"""What tests of FPD share: a network in float64 that restores, algorithm 1 by hand, two replicas.

    python -m tests.methods.restoring OUT.npz

trains on two replicas whose l2 lie on either side of T, and on one, and saves both ends.
"""

import sys

import keras
import numpy as np
import tensorflow as tf

from robust_tf import draws, optim
from robust_tf.methods.fpd import FPDTraining
from tests.linear import random_images

X = random_images(8)
LABEL = np.array([0, 1, 2, 0, 1, 2, 2, 1])
# What the first update of a run is, at either T of `thresholds`.
BRANCHES = ("restores", "classifies")
RATE, ALPHA1, ALPHA2, EPSILON = 0.5, 0.75, 1.5, 0.25


def batch() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Images, labels and indices; no constant of the module, which would start TensorFlow."""
    return tf.constant(X), tf.constant(LABEL), tf.range(8)


def network(norm: bool = False, sync: bool = False) -> keras.Model:
    """Front, restoration and, on the front's features of the restored image, a classifier.

    Args:
      norm: whether the front and the classifier have a batch norm each.
      sync: whether it takes its statistics over all replicas.
    """
    f64 = {"dtype": "float64"}
    options = {"synchronized": sync, "momentum": 0.75, **f64}
    dense = keras.layers.Dense(3, activation="tanh", name="front", **f64)
    front_norm = keras.layers.BatchNormalization(name="front_norm", **options)

    def front(x):
        x = dense(keras.layers.Flatten(**f64)(x))
        return front_norm(x) if norm else x

    images = keras.Input((2, 2, 1))
    x = keras.layers.Dense(4, name="restoration", **f64)(front(images))
    restored = keras.layers.Reshape((2, 2, 1), name="restored", **f64)(x)
    x = front(restored)
    if norm:
        x = keras.layers.BatchNormalization(name="last_norm", **options)(x)
    made = keras.Model(images, keras.layers.Dense(3, name="logits", **f64)(x))
    rng = np.random.default_rng(0)
    for layer in ("front", "restoration", "logits"):
        weights = made.get_layer(layer).get_weights()
        made.get_layer(layer).set_weights([0.5 * rng.normal(size=w.shape) for w in weights])
    return made


def method(of: keras.Model, **options) -> FPDTraining:
    """FPD with the weights and the noise of these tests, not compiled."""
    numbers = {"alpha1": ALPHA1, "alpha2": ALPHA2, "epsilon": EPSILON, "seed": 3}
    return FPDTraining(of, **{**numbers, **options})


def noisy(update: int = 0, epsilon: float = EPSILON) -> tf.Tensor:
    """x_noisy of the update with this number."""
    seeds = draws.image_seeds(3, update, tf.range(8))
    draw = draws.per_image(tf.random.stateless_uniform, seeds, (2, 2, 1))
    return X + epsilon * (2 * draw - 1)


def algorithm(of: keras.Model, x_noisy: tf.Tensor, T: float, phases: int = 2) -> dict[str, float]:
    """Lines 7 to 18 with gradient descent, on the network's own weights; what it reports.

    The two updates have no code in common with the method but the network.
    """
    outputs = keras.Model(of.input, [of.output, of.get_layer("restored").output])
    restoring = [v for v in of.trainable_variables if v.path.split("/")[0] != "logits"]
    _, x_restored = outputs(x_noisy)
    x_restored = tf.constant(x_restored.numpy().astype(np.float32))

    def update(x, weights, alpha1):
        with tf.GradientTape() as tape:
            z, r = outputs(x)
            p = tf.nn.softmax(z)
            l1 = -tf.reduce_mean(tf.math.log(tf.gather(p, LABEL, batch_dims=1)))
            l2 = tf.reduce_sum((r - X) ** 2) / X.size
            loss = alpha1 * l1 + ALPHA2 * l2
        for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
            weight.assign(weight.numpy() - RATE * gradient.numpy())
        accuracy = (z.numpy().argmax(axis=1) == LABEL).mean()
        return {"loss": float(loss), "restoration": float(l2), "accuracy": accuracy}

    l2 = float(np.mean((outputs(x_noisy)[1].numpy() - X) ** 2))
    if l2 > T:
        return {**update(x_noisy, restoring, 0.0), "phase_one": 1.0}
    results = {**update(x_noisy, of.trainable_variables, ALPHA1), "phase_one": 0.0}
    if phases == 2:
        update(x_restored, of.trainable_variables, ALPHA1)
    return results


def errors_of_halves(of: keras.Model) -> tuple[float, float]:
    """l2 of the first four noisy images and of the others, by the statistics of all eight."""
    restored = keras.Model(of.input, of.get_layer("restored").output)
    r = restored.stateless_call(
        [v.value for v in restored.trainable_variables],
        [v.value for v in restored.non_trainable_variables],
        noisy(),
        training=True,
    )[0].numpy()
    squares = ((r - X) ** 2).mean(axis=(1, 2, 3))
    return squares[:4].mean(), squares[4:].mean()


def thresholds(first: float, second: float) -> tuple[float, float]:
    """A T below the mean of two errors and one above it, both between the errors."""
    mean = (first + second) / 2
    return (mean + min(first, second)) / 2, (mean + max(first, second)) / 2


def _state(trained: FPDTraining) -> list[np.ndarray]:
    return [v.numpy() for v in [*trained.network.variables, *trained.optimizer.variables]]


def _train(strategy, T: float) -> tuple[list[np.ndarray], list[float]]:
    """Two updates; the weights and the optimizer's variables, and phase_one of each update."""
    with strategy.scope():
        trained = method(network(norm=True, sync=True), T=T, weight_decay=0.01)
        trained.compile(optim.Adam(0.05, use_ema=True, ema_momentum=0.5))
    size = 8 // strategy.num_replicas_in_sync

    def share(context):
        first = size * context.replica_id_in_sync_group
        return tuple(tensor[first : first + size] for tensor in batch())

    shares = strategy.experimental_distribute_values_from_function(share)
    step = tf.function(lambda b: strategy.run(trained.train_step, (b,)), autograph=False)
    phases = []
    for _ in range(2):
        step(shares)
        phases.append(trained.get_metrics_result()["phase_one"])
        trained.reset_metrics()
    return _state(trained), phases


def main(path: str) -> None:
    """Both branches, on one and on two replicas."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    first, second = errors_of_halves(network(norm=True))
    arrays = {"errors": [first, second]}
    for branch, T in zip(BRANCHES, thresholds(first, second), strict=True):
        for name, strategy in (("one", tf.distribute.get_strategy()), ("two", two)):
            state, phases = _train(strategy, T)
            arrays |= {f"{branch}_{name}_{i}": value for i, value in enumerate(state)}
            arrays |= {f"{branch}_{name}_phases": phases}
    np.savez(path, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
