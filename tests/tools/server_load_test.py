"""Tests of tools/server_trials/load: what a load counts as answered, failed and refused."""

import socket
import sys
import time

import numpy as np
import pytest

from robust_tf.serving.export import export
from tests.commands.running import ROOT
from tests.serving.server.running import IMAGES, network, running

sys.path.insert(0, str(ROOT / "tools"))

from server_trials.load import Load, grpc_client, rest_client  # noqa: E402

NAME = "serving_default"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "digits"
    export(network(), folder)
    with running(folder, grpc_port=0, batch_timeout=0) as server:
        yield server


def address(served) -> str:
    """Of its gRPC."""
    return f"127.0.0.1:{served.server.grpc_port}"


def test_every_request_of_every_client_is_counted(served):
    line = 'robust_tf_requests_total{{outcome="ok",protocol="{}",signature="serving_default"}}'
    asks = [rest_client(served.url, NAME, IMAGES), rest_client(served.url, NAME, IMAGES[:1])]
    asks.append(grpc_client(address(served), "digits", NAME, IMAGES))
    with Load(asks) as load:
        time.sleep(0.5)
    assert load.failures == []
    assert set(load.answered) == {"", "1"}
    assert load.answered[""] == served.metric(line.format("rest"))
    assert load.answered["1"] == served.metric(line.format("grpc"))
    assert len(load.seconds) == load.answered.total()
    assert 0 < sum(load.seconds) / 3 <= load.took


def test_what_is_not_answered_rightly_is_a_failure(served):
    wrong = np.zeros((1, 3, 3, 3), np.float32)
    asks = [
        rest_client(served.url, NAME, wrong),
        grpc_client(address(served), "digits", NAME, wrong),
    ]
    with Load(asks) as load:
        time.sleep(0.3)
    assert not load.seconds and not load.answered
    assert any("400" in failure for failure in load.failures)
    assert any("INVALID_ARGUMENT" in failure for failure in load.failures)


def test_a_client_ends_where_nobody_is(served):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = f"127.0.0.1:{taken.getsockname()[1]}"
    asks = [
        rest_client(f"http://{free}/v1/models/digits", NAME, IMAGES),
        grpc_client(free, "digits", NAME, IMAGES),
    ]
    with Load(asks) as load:
        load.join()
    assert not load.failures and not load.answered
    assert load.refused == 2


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
