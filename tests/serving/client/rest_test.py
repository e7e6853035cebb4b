"""Tests of robust_tf.serving.client.rest: what is sent, and answers that are none."""

import contextlib
import http.server
import json

import pytest

from robust_tf.serving.client.failures import RequestFailed
from robust_tf.serving.client.options import QueryOptions
from robust_tf.serving.client.rest import Rest
from robust_tf.serving.client.signatures import Signature
from tests.serving.client.fake import http_server

ALONE = Signature("encoded", "image_bytes", ("probabilities",), 2)
SEVERAL = Signature("encoded", "image_bytes", ("classes", "probabilities"), 2)


class Site(http.server.BaseHTTPRequestHandler):
    """Answers everything with what it is told, and keeps what it was asked."""

    answer: tuple[int, dict, bytes]
    asked: list

    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        self.asked.append((self.command, self.path, self.rfile.read(length)))
        status, headers, body = self.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def port():
    with http_server(Site) as each:
        yield each


@pytest.fixture
def ask(port):
    """A function from an answer of the site to the client that gets it."""
    Site.asked = []
    with contextlib.ExitStack() as ends:

        def make(status=200, headers=None, content=b"", **options):
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            Site.answer = status, headers or {}, body
            server = f"http://127.0.0.1:{port}/behind/"
            made = Rest(QueryOptions(("a",), server, **{"model": "digits", **options}))
            ends.callback(made.close)
            return made

        yield make


def test_files_are_sent_as_base64_under_the_inputs_name(ask):
    outputs = [[0.25, 0.75], [1.0, 0.0]]
    rest = ask(content={"outputs": outputs}, model="a/b c", version=12)
    assert rest.predict(ALONE, [b"\x00\xff", b""], 20.0) == {"probabilities": outputs}
    ((method, path, body),) = Site.asked
    assert (method, path) == ("POST", "/behind/v1/models/a%2Fb%20c/versions/12:predict")
    rows = [{"b64": "AP8="}, {"b64": ""}]
    assert json.loads(body) == {"signature_name": "encoded", "inputs": {"image_bytes": rows}}


def test_several_outputs_come_by_their_names(ask):
    outputs = {"classes": [1], "probabilities": [[0.25, 0.75]]}
    assert ask(content={"outputs": outputs}).predict(SEVERAL, [b"a"], 20.0) == outputs


def test_a_redirect_is_not_followed_since_it_would_lose_what_was_sent(ask):
    rest = ask(302, {"Location": "/v1/models/digits:predict"})
    with pytest.raises(RequestFailed, match=":predict answered 302 Found"):
        rest.predict(ALONE, [b"a"], 20.0)
    assert len(Site.asked) == 1


@pytest.mark.parametrize("content", [b"<html></html>", b"[" * 100_000, ["list"], b"\xff"])
def test_what_is_no_json_object_is_no_answer(ask, content):
    with pytest.raises(RequestFailed, match=":predict did not answer with a JSON object."):
        ask(content=content).predict(ALONE, [b"a"], 20.0)


@pytest.mark.parametrize("content", [{}, {"metadata": []}, {"metadata": {"signature_def": 3}}])
def test_metadata_without_signatures_is_told(ask, content):
    with pytest.raises(RequestFailed, match="/digits/metadata lists no signatures."):
        ask(content=content).signatures(20.0)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
