"""Tests of the server's gRPC: what it answers, and what it refuses with which status."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from robust_tf.serving.export import export
from tests.serving.server.running import IMAGES, SHAPE, WEIGHTS, hand_made, network, running

PIXELS = np.random.default_rng(2).integers(0, 256, (3, *SHAPE), dtype=np.uint8)
FILES = np.array([tf.io.encode_png(image).numpy() for image in PIXELS], object)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "digits"
    export(network(), folder)
    limits = {"max_body": 100_000, "max_request_batch": 8, "batch_timeout": 0.0}
    with running(folder, grpc_port=0, **limits) as server:
        yield server


@pytest.fixture(scope="module")
def channel(served):
    with grpc.insecure_channel(f"127.0.0.1:{served.server.grpc_port}") as channel:
        yield channel


@pytest.fixture(scope="module")
def stub(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def asking(signature="", model="digits", **inputs) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        ready = hasattr(value, "tensor_shape")
        request.inputs[name].CopyFrom(value if ready else tf.make_tensor_proto(value))
    return request


@pytest.mark.parametrize(
    ("signature", "inputs", "images"),
    [
        ("", {"images": IMAGES}, IMAGES),
        ("serving_default", {"images": IMAGES}, IMAGES),
        ("pixels", {"pixels": PIXELS}, PIXELS / 255),
        ("encoded", {"image_bytes": FILES}, PIXELS / 255),
    ],
)
def test_every_signature_gives_the_networks_numbers(stub, signature, inputs, images):
    answer = stub.Predict(asking(signature, **inputs), timeout=60)
    expected = images.reshape(len(images), -1) @ WEIGHTS
    assert sorted(answer.outputs) == ["classes", "logits", "probabilities"]
    np.testing.assert_allclose(tf.make_ndarray(answer.outputs["logits"]), expected, atol=1e-5)
    np.testing.assert_array_equal(tf.make_ndarray(answer.outputs["classes"]), expected.argmax(1))
    assert answer.model_spec.name == "digits"
    assert answer.model_spec.version.value == 1
    assert answer.model_spec.signature_name == (signature or "serving_default")


def test_only_wanted_outputs_are_given(stub):
    request = asking(images=IMAGES)
    request.model_spec.version.value = 1
    request.output_filter.append("classes")
    assert list(stub.Predict(request, timeout=60).outputs) == ["classes"]
    request.output_filter.append("class")
    refused(stub, request, grpc.StatusCode.INVALID_ARGUMENT, "did you mean classes")
    request.output_filter[:] = ["classes", "logits", "classes"]
    refused(stub, request, grpc.StatusCode.INVALID_ARGUMENT, "duplicate output classes")


def refused(stub, request, code, words) -> None:
    with pytest.raises(grpc.RpcError) as error:
        stub.Predict(request, timeout=60)
    assert error.value.code() == code
    assert words in error.value.details()
    assert "\n" not in error.value.details()
    stub.Predict(asking(images=IMAGES), timeout=60)


def announced(shape, **values):
    """A tensor whose shape says something else than its content."""
    proto = tf.make_tensor_proto(np.zeros(1, np.float32))
    proto.ClearField("float_val")
    proto.tensor_shape.CopyFrom(tf.TensorShape(None).as_proto())
    if shape is not None:
        proto.tensor_shape.unknown_rank = False
        for side in shape:
            proto.tensor_shape.dim.add(size=side)
    for name, value in values.items():
        if name.endswith("_val"):
            getattr(proto, name).extend(value)
        else:
            setattr(proto, name, value)
    return proto


BAD = [
    ({"images": IMAGES.astype(np.float64)}, "is float64; expected float32"),
    ({"images": PIXELS}, "is uint8; expected float32"),
    ({"images": IMAGES[0]}, "has shape (4, 4, 3); expected (N, 4, 4, 3)"),
    ({"images": IMAGES[:0]}, "is an empty batch"),
    ({"images": np.zeros((9, *SHAPE), np.float32)}, "9 rows; expected at most 8"),
    ({"images": np.where(IMAGES > 0.5, np.nan, IMAGES)}, "holds nan"),
    ({"images": np.where(IMAGES > 0.5, np.inf, IMAGES)}, "holds inf"),
    ({"images": IMAGES * 2}, "expected values within [0, 1]"),
    ({"images": IMAGES - 1}, "expected values within [0, 1]"),
    ({"pictures": IMAGES}, "The inputs are pictures; expected images"),
    ({"images": IMAGES, "seed": 1}, "The inputs are images, seed; expected images"),
    ({}, "The inputs are missing"),
    ({"images": announced([10**6, 10**6, 4, 3], float_val=[1.0])}, "has shape"),
    ({"images": announced([-1, 4, 4, 3], float_val=[1.0])}, "has shape"),
    ({"images": announced(None)}, "has no shape"),
    ({"images": announced([1, 4, 4, 3], tensor_content=b"abc")}, "do not fit"),
    ({"images": announced([1, 4, 4, 3], float_val=[0.5] * 49)}, "do not fit"),
    ({"images": announced([1], dtype=0)}, "expected float32"),
    ({"images": announced([1], dtype=999)}, "expected float32"),
]


@pytest.mark.parametrize(("inputs", "words"), BAD)
def test_what_is_wrong_gets_its_sentence_and_the_next_is_answered(stub, inputs, words):
    refused(stub, asking(**inputs), grpc.StatusCode.INVALID_ARGUMENT, words)


def test_values_of_another_type_than_the_tensors_are_refused(stub):
    pixels = announced([1, 4, 4, 3], dtype=tf.uint8.as_datatype_enum, int_val=[300])
    refused(stub, asking("pixels", pixels=pixels), grpc.StatusCode.INVALID_ARGUMENT, "do not fit")
    missing = announced([2], dtype=tf.string.as_datatype_enum)
    request = asking("encoded", image_bytes=missing)
    refused(stub, request, grpc.StatusCode.INVALID_ARGUMENT, "do not fit")


def test_a_file_that_is_cut_short_is_refused(stub):
    request = asking("encoded", image_bytes=[FILES[0], FILES[1][:-30]])
    refused(stub, request, grpc.StatusCode.INVALID_ARGUMENT, "row 1, cannot be decoded")


def test_what_is_not_served_is_not_found(stub):
    request = asking(model="letters", images=IMAGES)
    refused(stub, request, grpc.StatusCode.NOT_FOUND, "The model letters is not served")
    request = asking(images=IMAGES)
    request.model_spec.version.value = 4
    refused(stub, request, grpc.StatusCode.NOT_FOUND, "Version 4 of the model digits")
    request.model_spec.version_label = "stable"
    refused(stub, request, grpc.StatusCode.INVALID_ARGUMENT, "The label stable")
    request = asking("pixel", pixels=PIXELS)
    refused(stub, request, grpc.StatusCode.INVALID_ARGUMENT, "did you mean pixels")
    request = asking(model="", images=IMAGES)
    refused(stub, request, grpc.StatusCode.INVALID_ARGUMENT, "has no name")


def test_a_message_that_is_none_is_refused(channel, caplog):
    for method in ("Predict", "GetModelMetadata"):
        call = channel.unary_unary(f"/tensorflow.serving.PredictionService/{method}")
        with pytest.raises(grpc.RpcError, match="The message cannot be read") as error:
            call(b"nonsense", timeout=60)
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert not caplog.records


def test_a_message_that_is_too_large_is_refused(stub):
    request = asking(images=np.zeros((600, *SHAPE), np.float32))
    refused(stub, request, grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max")


def test_metadata_holds_the_signatures(stub):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "digits"
    answer = stub.GetModelMetadata(request, timeout=60)
    assert answer.model_spec.version.value == 1
    found = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(found)
    assert {"serving_default", "pixels", "encoded"} <= set(found.signature_def)
    assert found.signature_def["pixels"].inputs["pixels"].dtype == tf.uint8.as_datatype_enum
    request.metadata_field[:] = ["weights"]
    with pytest.raises(grpc.RpcError, match="expected signature_def"):
        stub.GetModelMetadata(request, timeout=60)


@tf.function(
    input_signature=[tf.TensorSpec([None], tf.string, "text"), tf.TensorSpec([], tf.int64, "seed")]
)
def spoken(text, seed):
    return {"twice": tf.strings.join([text, text]), "seed": seed + 1}


def test_text_and_scalars_pass(tmp_path):
    hand_made(tmp_path / "hand" / "1", serving_default=spoken)
    with running(tmp_path / "hand", grpc_port=0) as served:
        with grpc.insecure_channel(f"127.0.0.1:{served.server.grpc_port}") as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            request = asking(model="hand", text=[b"a", b"\xff"], seed=np.int64(2**40))
            answer = stub.Predict(request, timeout=60)
            assert tf.make_ndarray(answer.outputs["twice"]).tolist() == [b"aa", b"\xff\xff"]
            assert tf.make_ndarray(answer.outputs["seed"]) == 2**40 + 1


def test_other_methods_are_not_implemented(stub):
    calls = {
        stub.Classify: classification_pb2.ClassificationRequest(),
        stub.Regress: regression_pb2.RegressionRequest(),
        stub.MultiInference: inference_pb2.MultiInferenceRequest(),
    }
    for call, request in calls.items():
        with pytest.raises(grpc.RpcError, match="expected Predict") as error:
            call(request, timeout=60)
        assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_health_and_metrics_know_of_it(served, channel, stub):
    health = health_pb2_grpc.HealthStub(channel)
    for name in ("", "tensorflow.serving.PredictionService"):
        answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=60)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    line = 'robust_tf_requests_total{outcome="ok",protocol="grpc",signature="pixels"}'
    before = served.metric(line)
    stub.Predict(asking("pixels", pixels=PIXELS), timeout=60)
    assert served.metric(line) == before + 1


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
