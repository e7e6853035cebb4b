"""Optimizers and learning-rate schedules that Keras lacks.

Gradient descent with the rate outside the velocity, clipping after the all-reduce, linear warm-up
before any schedule, and the averaged weights for the time of an evaluation.
"""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf


class _ClipReduced:
    """Clips the gradient by its global norm after the replicas' gradients are summed.

    Keras clips before, so that what each replica clips depends on how many there are.
    """

    def __init__(self, *args, clip_norm: float | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.clip_norm = clip_norm

    def _all_reduce_sum_gradients(self, grads_and_vars):
        reduced = list(super()._all_reduce_sum_gradients(grads_and_vars))
        if self.clip_norm is None:
            return reduced
        gradients, variables = zip(*reduced, strict=True)
        gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm)
        return list(zip(gradients, variables, strict=True))

    def get_config(self) -> dict:
        return {**super().get_config(), "clip_norm": self.clip_norm}


@keras.saving.register_keras_serializable(package="robust_tf")
class SGD(_ClipReduced, keras.optimizers.SGD):
    """Momentum with the learning rate outside the velocity, as TensorFlow 1 and PyTorch have it.

    v <- m v + g;  w <- w - lr v,  or with Nesterov  w <- w - lr (g + m v).
    Keras keeps lr inside v, which differs at a warm-up and at each drop of the rate.
    """

    def update_step(self, gradient, variable, learning_rate):
        """One variable's update."""
        learning_rate = tf.cast(learning_rate, variable.dtype)
        gradient = tf.cast(gradient, variable.dtype)
        if not self.momentum:
            self.assign_sub(variable, learning_rate * gradient)
            return
        # A Python number takes the variable's precision; tf.cast would round it to float32.
        m = self.momentum
        velocity = self.momentums[self._get_variable_index(variable)]
        v = m * tf.cast(velocity, variable.dtype) + gradient
        self.assign(velocity, v)
        self.assign_sub(variable, learning_rate * (gradient + m * v if self.nesterov else v))


@keras.saving.register_keras_serializable(package="robust_tf")
class Adam(_ClipReduced, keras.optimizers.Adam):
    """Keras' Adam, with clipping after the all-reduce."""


@keras.saving.register_keras_serializable(package="robust_tf")
class Constant(keras.optimizers.schedules.LearningRateSchedule):
    """The same rate all along, for what takes a schedule."""

    def __init__(self, learning_rate: float):
        self.learning_rate = learning_rate

    def __call__(self, step):
        return tf.constant(self.learning_rate)

    def get_config(self) -> dict:
        """For saving with the optimizer."""
        return {"learning_rate": self.learning_rate}


@keras.saving.register_keras_serializable(package="robust_tf")
class LinearWarmup(keras.optimizers.schedules.LearningRateSchedule):
    """Linear from `initial` to the schedule's value at the end of warm-up, then the schedule.

    Args:
      schedule: what follows; its own step 0 is step 0 of training.
      steps: length of the warm-up in updates.
      initial: the rate at step 0.
    """

    def __init__(self, schedule, steps: int, initial: float = 0.0):
        self.schedule, self.steps, self.initial = schedule, steps, initial

    def __call__(self, step):
        peak = tf.cast(self.schedule(tf.constant(self.steps)), tf.float32)
        share = tf.cast(step, tf.float32) / self.steps
        ramp = self.initial + (peak - self.initial) * share
        return tf.where(share < 1, ramp, tf.cast(self.schedule(step), tf.float32))

    def get_config(self) -> dict:
        """For saving with the optimizer."""
        return {"schedule": self.schedule, "steps": self.steps, "initial": self.initial}

    @classmethod
    def from_config(cls, config: dict) -> "LinearWarmup":
        """From the optimizer's configuration, where the inner schedule is still its own."""
        inner = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(**{**config, "schedule": inner})


def schedule(
    kind: str,
    learning_rate: float,
    total_steps: int,
    *,
    drops: tuple[int, ...] = (),
    drop_factor: float = 0.1,
    warmup_steps: int = 0,
    warmup_from: float = 0.0,
) -> keras.optimizers.schedules.LearningRateSchedule:
    """A learning-rate schedule in updates: "constant", "piecewise" or "cosine", after a warm-up.

    Args:
      kind: which of the three.
      learning_rate: the rate after warm-up.
      total_steps: updates of the whole run, where cosine reaches 0.
      drops: updates after which piecewise multiplies the rate by drop_factor.
      drop_factor: see drops.
      warmup_steps: linear from warmup_from over this many updates, unless that would not rise.
      warmup_from: the rate of the first update of a warm-up.
    """
    if kind not in ("constant", "piecewise", "cosine"):
        raise ValueError(f"Expected constant, piecewise or cosine, got {kind!r}.")
    if kind == "cosine":
        main = keras.optimizers.schedules.CosineDecay(learning_rate, total_steps)
    elif kind == "piecewise" and drops:
        # Keras keeps the old value at a boundary itself: the drop belongs to the next step.
        boundaries = [drop - 1 for drop in drops]
        values = [learning_rate * drop_factor**i for i in range(len(drops) + 1)]
        main = keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, values)
    else:
        main = Constant(learning_rate)
    rises = warmup_steps and warmup_from < learning_rate
    return LinearWarmup(main, warmup_steps, warmup_from) if rises else main


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Within it, the model holds the averaged weights, where its optimizer keeps them.

    Values are put back bit for bit; keras.callbacks.SwapEMAWeights swaps by adding and subtracting.
    """
    if not model.optimizer.use_ema:
        yield
        return
    average = model.optimizer._model_variables_moving_average
    own = [v.numpy() for v in model.trainable_variables]
    for variable, value in zip(model.trainable_variables, average, strict=True):
        variable.assign(value.numpy())
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, own, strict=True):
            variable.assign(value)
