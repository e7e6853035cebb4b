"""ResNet-50 with denoising blocks gives the logits of the public TensorFlow 1 graph."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest

from robust_tf import networks
from robust_tf.interop.checkpoint_names import location

GOLDEN = pathlib.Path(__file__).resolve().parents[3] / "shared" / "golden"


@pytest.mark.skipif(not GOLDEN.exists(), reason="the golden numbers are not beside the project")
def test_denoising_resnet_agrees_with_the_public_graph():
    spec = importlib.util.spec_from_file_location("fill", GOLDEN / "fill.py")
    fill = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fill)
    golden = np.load(GOLDEN / "iat_resnet50_denoise.npz")
    options = {"denoise": "embedded_gaussian", "denoise_at": "group"}
    network = networks.build("resnet-50", (224, 224, 3), 1000, stem="imagenet", **options)
    filled = set()
    for name, shape in zip(golden["names"], golden["shapes"], strict=True):
        layer, variable = location(str(name))
        owner = network.get_layer(layer)
        place = next(v for v in owner.variables if v.name == variable)
        place.assign(fill.fill(str(name), json.loads(str(shape))))
        filled.add(id(place))
    assert filled == {id(v) for v in network.variables}
    # Its images are BGR.
    x = fill.images()[..., ::-1].astype(np.float32) / 255
    logits = network.predict(x, verbose=0)
    error = np.linalg.norm(logits - golden["logits"]) / np.linalg.norm(golden["logits"])
    assert error < 1e-3


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
