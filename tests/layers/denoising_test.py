"""The denoisers by their flag's names."""

import keras
import pytest

from robust_tf.errors import InputError
from robust_tf.layers import DENOISERS, LocalFilter, NonLocal, denoiser


def test_names():
    assert DENOISERS == (
        "gaussian",
        "embedded_gaussian",
        "dot",
        "concatenation",
        "mean",
        "median",
        "bilateral",
        "gaussian_filter",
    )


@pytest.mark.parametrize("kind", DENOISERS)
def test_each_name_is_a_layer(kind):
    layer = denoiser(kind, name="group0_denoise", dtype="mixed_bfloat16", seed=7)
    assert type(layer) is (NonLocal if kind in DENOISERS[:4] else LocalFilter)
    assert (layer.kind, layer.name) == (kind, "group0_denoise")
    assert layer.compute_dtype == "bfloat16"
    assert getattr(layer, "seed", 7) == 7
    assert layer(keras.Input((3, 4, 6))).shape == (None, 3, 4, 6)


def test_unknown_name():
    with pytest.raises(InputError, match="^--denoise=embeded_gaussian is unknown; did you mean"):
        denoiser("embeded_gaussian", name="filter", dtype="float32", seed=0)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
