"""The filters of feature denoising by their flag's names: denoiser("dot", name="filter", ...)."""

import keras

from robust_tf import errors
from robust_tf.layers import local_filters, non_local

DENOISERS = (*non_local.KINDS, *local_filters.KINDS)


def denoiser(kind: str, *, name: str, dtype: str, seed: int) -> keras.layers.Layer:
    """Returns the layer that filters feature maps.

    Args:
      kind: a name of DENOISERS.
      name: the layer's.
      dtype: its dtype policy.
      seed: what its initial weights depend on, if it has any.
    """
    if kind in non_local.KINDS:
        return non_local.NonLocal(kind, seed=seed, name=name, dtype=dtype)
    if kind in local_filters.KINDS:
        return local_filters.LocalFilter(kind, name=name, dtype=dtype)
    raise errors.unknown("--denoise", kind, DENOISERS)
