"""Tests of the configurations in tools/serving, each read as its server reads it."""

import http.server
import pathlib
import re
import shutil
import subprocess
import threading

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from robust_tf.serving.server import ServeOptions
from tests.tools.manifests import SERVING, container, kubernetes, services, values, yaml

ROOT = SERVING.parents[1]
# Of messages that are not in the package tensorflow-serving-api: a field's type, or what it wraps.
FIELDS = {
    "BatchingParameters": {
        **dict.fromkeys(("max_batch_size", "batch_timeout_micros"), "Int64Value"),
        **dict.fromkeys(("max_enqueued_batches", "num_batch_threads"), "Int64Value"),
        "thread_pool_name": "StringValue",
    },
    "PrometheusConfig": {"enable": "TYPE_BOOL", "path": "TYPE_STRING"},
    "MonitoringConfig": {"prometheus_config": ".serving_test.PrometheusConfig"},
}


def message(name: str):
    """An empty message of TensorFlow Serving's that its Python package does not have."""
    file = descriptor_pb2.FileDescriptorProto(name="serving_test.proto", package="serving_test")
    file.syntax = "proto3"
    file.dependency.append("google/protobuf/wrappers.proto")
    for each, fields in FIELDS.items():
        described = file.message_type.add(name=each)
        for number, (field, kind) in enumerate(fields.items(), 1):
            added = described.field.add(name=field, number=number, label="LABEL_OPTIONAL")
            if kind.startswith("TYPE_"):
                added.type = added.Type.Value(kind)
            else:
                added.type = added.TYPE_MESSAGE
                added.type_name = kind if kind[0] == "." else f".google.protobuf.{kind}"
    pool = descriptor_pool.DescriptorPool()
    wrappers = descriptor_pb2.FileDescriptorProto()
    descriptor_pool.Default().FindFileByName("google/protobuf/wrappers.proto").CopyToProto(wrappers)
    pool.Add(wrappers)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"serving_test.{name}"))()


def parsed(name: str, into):
    """A text proto of this folder, read as the server reads it."""
    return text_format.Parse((SERVING / name).read_text(), into)


def model():
    """The one model of models.config."""
    (config,) = parsed("models.config", ModelServerConfig()).model_config_list.config
    return config


def test_the_model_has_the_labels_stable_and_canary_on_versions_that_are_loaded():
    config = model()
    assert config.model_platform == "tensorflow"
    assert pathlib.PurePosixPath(config.base_path).is_absolute()
    assert sorted(config.version_labels) == ["canary", "stable"]
    loaded = config.model_version_policy.specific.versions
    assert set(config.version_labels.values()) == set(loaded)


def test_batching_takes_what_the_local_server_takes():
    batching = parsed("batching.config", message("BatchingParameters"))
    assert batching.max_batch_size.value == ServeOptions.max_request_batch
    assert batching.batch_timeout_micros.value == 1000 * ServeOptions.batch_timeout
    assert batching.max_enqueued_batches.value == batching.num_batch_threads.value
    assert batching.num_batch_threads.value == int(container()["resources"]["requests"]["cpu"])


def test_prometheus_is_told_the_page_that_the_servers_have():
    config = parsed("monitoring.config", message("MonitoringConfig")).prometheus_config
    annotations = kubernetes("Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert config.enable and annotations["prometheus.io/path"] == config.path
    assert annotations["prometheus.io/port"] == values(container()["args"])["rest_api_port"]


def test_a_misspelt_setting_would_be_seen():
    with pytest.raises(text_format.ParseError):
        text_format.Parse("max_batchsize { value: 64 }", message("BatchingParameters"))
    with pytest.raises(text_format.ParseError):
        text_format.Parse("model_config_list { config { label: 1 } }", ModelServerConfig())


def test_every_image_is_of_the_release_whose_messages_are_installed():
    requirements = (ROOT / "requirements.txt").read_text()
    release = re.search(r"^tensorflow-serving-api==(.*)$", requirements, re.MULTILINE)[1]
    files = [path for path in SERVING.rglob("*") if path.is_file()]
    images = {
        i for path in files for i in re.findall(r"tensorflow/serving:(\S+)", path.read_text())
    }
    assert images == {release, f"{release}-gpu"}
    (gpu,) = yaml("kubernetes-gpu/kustomization.yaml")[0]["images"]
    assert gpu == {"name": "tensorflow/serving", "newTag": f"{release}-gpu"}


def test_compose_serves_the_models_of_this_folder():
    serving, gpu = services()["serving"], services()["serving-gpu"]
    flags = values(serving["command"])
    mounts = [volume.rpartition(":")[0].rpartition(":")[2] for volume in serving["volumes"]]
    assert mounts == [model().base_path, "/config"]
    for name in ("model_config_file", "monitoring_config_file"):
        assert (SERVING / flags[name].removeprefix("/config/")).is_file()
    assert f"/v1/models/{model().name} " in serving["healthcheck"]["test"][3]
    for port in (flags["port"], flags["rest_api_port"]):
        assert f"127.0.0.1:{port}:{port}" in serving["ports"]
    assert gpu["extends"] == {"service": "serving"} and gpu["profiles"] == ["gpu"]
    # The GPU's has the same flags. Batching is for servers that get no files nor defended calls.
    assert "command" not in gpu and not any("batching" in flag for flag in flags)


def test_kubernetes_serves_the_same():
    flags = values(container()["args"])
    compose = values(services()["serving"]["command"])
    cores = container()["resources"]["limits"]["cpu"]
    threads = {f"tensorflow_{each}_op_parallelism": cores for each in ("intra", "inter")}
    assert flags == compose | threads
    mounts = {each["name"]: each["mountPath"] for each in container()["volumeMounts"]}
    assert mounts == {"exports": model().base_path, "config": "/config"}
    pod = kubernetes("Deployment")["spec"]["template"]["spec"]
    assert {each["name"] for each in pod["volumes"]} == set(mounts)


def test_kubernetes_asks_for_the_models_status_and_lets_requests_end():
    ports = {each["name"]: each["containerPort"] for each in container()["ports"]}
    flags = values(container()["args"])
    assert ports == {"grpc": int(flags["port"]), "rest": int(flags["rest_api_port"])}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        request = container()[probe]["httpGet"]
        assert request == {"path": f"/v1/models/{model().name}", "port": "rest"}
    longest = int(flags["rest_api_timeout_in_ms"]) / 1000
    pause = int(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    pod = kubernetes("Deployment")["spec"]["template"]["spec"]
    assert longest < pause < pod["terminationGracePeriodSeconds"]


def test_kubernetes_parts_mean_the_same_pods():
    labels = kubernetes("Deployment")["spec"]["template"]["metadata"]["labels"]
    for each in yaml("kubernetes/serving.yaml"):
        if each["kind"] == "Service":
            assert each["spec"]["selector"] == labels
            for port in each["spec"]["ports"]:
                assert port["targetPort"] in ("grpc", "rest")
        elif each["kind"] != "HorizontalPodAutoscaler":
            assert each["spec"]["selector"] == {"matchLabels": labels}
        else:
            name = kubernetes("Deployment")["metadata"]["name"]
            assert each["spec"]["scaleTargetRef"]["name"] == name
            assert (
                each["spec"]["minReplicas"]
                > kubernetes("PodDisruptionBudget")["spec"]["minAvailable"]
            )


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not on PATH")
def test_the_gpu_variant_is_rendered():
    folder = SERVING / "kubernetes-gpu"
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for line in ("  replicas: 2", '            nvidia.com/gpu: "1"'):
        assert f"\n{line}\n" in done.stdout
    assert "batching" not in done.stdout
    assert re.findall(r"image: (.*)", done.stdout) == [services()["serving-gpu"]["image"]]
    assert "HorizontalPodAutoscaler" not in done.stdout


def test_the_gpu_variant_names_files_that_are_there():
    (variant,) = yaml("kubernetes-gpu/kustomization.yaml")
    folder = SERVING / "kubernetes-gpu"
    assert all((folder / patch["path"]).is_file() for patch in variant["patches"])
    assert [(folder / each).resolve() for each in variant["resources"]] == [SERVING / "kubernetes"]
    added = {each["path"]: each["value"] for each in yaml("kubernetes-gpu/deployment.yaml")[0]}
    assert added["/spec/template/spec/containers/0/resources/limits/nvidia.com~1gpu"] == "1"
    assert not any("args" in path for path in added)
    assert added["/spec/replicas"] == kubernetes("HorizontalPodAutoscaler")["spec"]["minReplicas"]


@pytest.mark.parametrize(("known", "healthy"), [(True, True), (False, False), (None, False)])
def test_the_health_check_tells_a_loaded_model(known, healthy):
    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            self.send_response(200 if known and self.path == f"/v1/models/{model().name}" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        port = server.server_port
        if known is None:
            server.shutdown()
            server.socket.close()
        kind, *command = services()["serving"]["healthcheck"]["test"]
        assert kind == "CMD"
        command[2] = command[2].replace("/8501", f"/{port}")
        done = subprocess.run(command, capture_output=True, timeout=20)
        server.shutdown()
    assert (done.returncode == 0) == healthy


def test_the_readme_names_what_is_there():
    text = (SERVING / "README.md").read_text()
    config = re.search(r"--batching_parameters_file=/config/(\S+)", text)[1]
    assert (SERVING / config).is_file()
    named = set(re.findall(r"tools/serving/[\w./-]*\w", text))
    assert len(named) > 5 and all((ROOT / path).exists() for path in named)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
