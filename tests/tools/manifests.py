"""What the tests of tools/serving read there."""

import pathlib

from tests.tools import plain_yaml

SERVING = pathlib.Path(__file__).resolve().parents[2] / "tools" / "serving"
# Flags of tensorflow_model_server 2.21.
FLAGS = {
    *("port", "rest_api_port", "rest_api_timeout_in_ms", "model_name", "model_base_path"),
    *("model_config_file", "model_config_file_poll_wait_seconds", "monitoring_config_file"),
    *("allow_version_labels_for_unavailable_models", "enable_batching"),
    *("batching_parameters_file", "tensorflow_intra_op_parallelism"),
    "tensorflow_inter_op_parallelism",
}


def yaml(name: str) -> list:
    """The documents of a manifest."""
    return plain_yaml.read((SERVING / name).read_text())


def kubernetes(kind: str) -> dict:
    """The first manifest of this kind."""
    return next(each for each in yaml("kubernetes/serving.yaml") if each["kind"] == kind)


def services() -> dict:
    """Those of the compose file."""
    return yaml("docker-compose.yml")[0]["services"]


def container() -> dict:
    """The container of the Deployment."""
    (found,) = kubernetes("Deployment")["spec"]["template"]["spec"]["containers"]
    return found


def values(arguments: list[str]) -> dict[str, str]:
    """Flags by name, each known and given once."""
    pairs = [argument.removeprefix("--").partition("=") for argument in arguments]
    assert all(argument.startswith("--") for argument in arguments)
    assert len({name for name, _, _ in pairs}) == len(pairs)
    assert {name for name, _, _ in pairs} <= FLAGS
    return {name: value for name, _, value in pairs}
