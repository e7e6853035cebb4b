"""Tests of robust_tf.serving.client.options: addresses, and values that are refused."""

import pytest

from robust_tf.errors import InputError
from robust_tf.serving.client import QueryOptions


def options(**values) -> QueryOptions:
    return QueryOptions(**{"images": ("a.png",), "model": "digits", **values})


@pytest.mark.parametrize(
    ("server", "speaks_grpc", "address"),
    [
        ("localhost:8501", False, "http://localhost:8501"),
        ("http://localhost:8501/", False, "http://localhost:8501"),
        ("https://example.org/serving", False, "https://example.org/serving"),
        ("[::1]:8501", False, "http://[::1]:8501"),
        ("grpc://localhost:8500", True, "localhost:8500"),
        ("GRPC://localhost:8500", True, "localhost:8500"),
        ("grpc://[::1]:8500/", True, "[::1]:8500"),
    ],
)
def test_addresses(server, speaks_grpc, address):
    made = options(server=server)
    assert (made.speaks_grpc, made.address) == (speaks_grpc, address)


@pytest.mark.parametrize(
    "server",
    [
        "",
        "localhost",
        "localhost:0",
        "localhost:port",
        "localhost:65536",
        ":8501",
        "http://",
        "localhost:8501/serving",
        "http://localhost:8501?a=b",
        "grpc://localhost",
        "grpc://localhost:8500/serving",
        "ftp://localhost:21",
        "[::1:8501",
    ],
)
def test_what_is_no_address_is_refused(server):
    with pytest.raises(InputError) as failure:
        options(server=server)
    assert str(failure.value).startswith(f"--server={server} is no address; expected such as")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"images": ()}, "There is nothing to send; expected image files, folders or URLs."),
        ({"model": ""}, "--model is missing"),
        ({"batch": 0}, "--batch=0; expected at least 1."),
        ({"top": 0}, "--top=0; expected at least 1."),
        ({"retries": -1}, "--retries=-1; expected at least 0."),
        ({"version": -1}, "--version=-1; expected at least 0."),
        ({"label": ""}, "--label is empty; expected one of the model's"),
        (
            {"label": "stable", "version": 3},
            "--label=stable and --version=3 both name a version; expected one of them.",
        ),
        ({"deadline": 0.0}, "--deadline=0; expected seconds, more than 0."),
        ({"deadline": float("nan")}, "--deadline=nan; expected seconds"),
        ({"format": "json"}, "--format=json is unknown; did you mean jsonl?"),
    ],
)
def test_values_that_are_refused(values, sentence):
    with pytest.raises(InputError) as failure:
        options(**values)
    assert str(failure.value).startswith(sentence)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
