"""Adversarial labels (paper 3, section 4.1): distributions over the classes instead of one-hot.

    v = -tf.nn.log_softmax(logits)                  # equation 13, of the clean images
    y_adv = adversarial_labels(v, label, beta=9.0, gamma=0.01)

n is the number of classes, c the true one. The other classes share what is taken from class c: the
most confusing (MC) gets next to nothing, the least likely (LL) the most.
"""

import tensorflow as tf


def adversarial_labels(v: tf.Tensor, label: tf.Tensor, beta: float, gamma: float) -> tf.Tensor:
    """The labels y' that class c still leads by the factor beta, in v's precision or float32.

    Args:
      v: the loss's gradient by the label, -log p, of shape (batch, n).
      label: c of each image, of shape (batch,).
      beta: how many times the largest other class's share y'_c is; infinite is one-hot.
      gamma: above 0, and far below v: nearly all that the most confusing class gets.
    """
    v = v if v.dtype == tf.float64 else tf.cast(v, tf.float32)
    n = v.shape[-1]
    is_c = tf.one_hot(label, n, on_value=True, off_value=False)
    infinity = tf.constant(float("inf"), v.dtype)
    v_MC = tf.reduce_min(tf.where(is_c, infinity, v), axis=-1, keepdims=True)
    v_LL = tf.reduce_max(tf.where(is_c, -infinity, v), axis=-1, keepdims=True)
    # sum_{k != c} v_k / (n - 1) - v_MC + gamma; in this form exactly gamma where all v_k are equal.
    above_MC = tf.where(is_c, tf.zeros_like(v), v - v_MC)
    mean = tf.reduce_sum(above_MC, axis=-1, keepdims=True) / (n - 1) + gamma
    # Equation 18, the largest budget.
    eps_y = 1 / (1 + beta / (n - 1) * ((v_LL - v_MC + gamma) / mean))
    # Equation 14.
    y = eps_y / (n - 1) * ((above_MC + gamma) / mean)
    return tf.where(is_c, 1 - eps_y, y)


def smoothed_labels(label: tf.Tensor, n: int, beta: float, dtype: str = "float32") -> tf.Tensor:
    """What `adversarial_labels` gives where all v_k, k != c, are equal: label smoothing.

    Args:
      label: c of each image, of shape (batch,).
      n: the number of classes.
      beta: how many times another class's share y'_c is; infinite is one-hot.
      dtype: of the labels.
    """
    # Equation 19.
    eps_y = 1 / (1 + tf.constant(beta / (n - 1), dtype))
    # Equation 15.
    return tf.one_hot(label, n, on_value=1 - eps_y, off_value=eps_y / (n - 1))
