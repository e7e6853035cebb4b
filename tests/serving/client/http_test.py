"""Tests of robust_tf.serving.client.http: sites that do what no site should."""

import concurrent.futures
import http.server
import threading

import grpc
import pytest
import requests

from robust_tf.serving.client import http as client_http
from robust_tf.serving.client.failures import NotFound, Passing, Refused, RequestFailed
from tests.serving.client.fake import http_server

MOST = 1000
STATUSES = {
    "/200": (200, {}, b"body"),
    "/204": (204, {}, b""),
    "/302": (302, {"Location": "/200"}, b""),
    "/400": (400, {}, b'{"error": "It is\\n  wrong."}'),
    "/404": (404, {}, b"<html>Not found</html>"),
    "/413": (413, {}, b'{"error": 3}'),
    "/429": (429, {"Retry-After": "7"}, b'["busy"]'),
    "/500": (500, {}, b'{"error": "' + b"x" * 900 + b'"}'),
    "/503": (503, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, b""),
    "/large": (200, {}, b"." * (MOST + 1)),
    "/exact": (200, {}, b"." * MOST),
    "/cut": (200, {"Content-Length": "10"}, b"abc"),
}


class Site(http.server.BaseHTTPRequestHandler):
    """Answers by its paths; /drip and /headers send a byte now and then, for ever."""

    ended, deserted = threading.Event(), threading.Event()

    def do_GET(self):
        if self.path in ("/drip", "/headers"):
            return self.drip()
        if self.path == "/gone":
            return None
        status, headers, body = STATUSES[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self):
        end = b"\r\n" if self.path == "/drip" else b"X-More: "
        self.wfile.write(b"HTTP/1.0 200 OK\r\n" + end)
        try:
            while not self.ended.wait(0.05):
                self.wfile.write(b".")
        except ConnectionError:
            self.deserted.set()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def root():
    with http_server(Site) as port:
        yield f"http://127.0.0.1:{port}"
        Site.ended.set()


def get(url: str, seconds: float = 20.0, **request) -> bytes:
    with requests.Session() as session:
        return client_http.exchange(session, "GET", url, seconds=seconds, most=MOST, **request)


def test_bodies_come_as_they_are(root):
    assert get(root + "/200") == b"body"
    assert get(root + "/204") == b""
    assert get(root + "/exact") == b"." * MOST
    assert get(root + "/302") == b"body"


@pytest.mark.parametrize(
    ("path", "kind", "sentence"),
    [
        ("/400", Refused, "It is wrong."),
        ("/404", NotFound, "/404 answered 404 Not Found."),
        ("/413", Refused, " answered 413 "),
        ("/429", Passing, "/429 answered 429 Too Many Requests."),
        ("/500", RequestFailed, "x..."),
        ("/503", Passing, "/503 answered 503 Service Unavailable."),
        ("/large", RequestFailed, "The answer is larger than 1,000 bytes; expected less."),
        ("/cut", Passing, "/cut cannot be asked: "),
        ("/gone", Passing, "/gone cannot be asked: "),
    ],
)
def test_each_failure_has_its_kind_and_its_sentence(root, path, kind, sentence):
    with pytest.raises(RequestFailed) as failure:
        get(root + path)
    assert type(failure.value) is kind
    assert sentence in str(failure.value)
    assert "\n" not in str(failure.value) and len(str(failure.value)) < 500


def test_a_redirect_that_is_not_followed_is_no_answer(root):
    with pytest.raises(RequestFailed, match="answered 302 Found"):
        get(root + "/302", allow_redirects=False)


@pytest.mark.parametrize(("path", "wait"), [("/429", 7.0), ("/503", 0.0)])
def test_the_server_says_how_long_to_wait(root, path, wait):
    with pytest.raises(Passing) as failure:
        get(root + path)
    assert failure.value.wait == wait


@pytest.mark.parametrize("path", ["/drip", "/headers"])
def test_a_byte_now_and_then_does_not_hold_up_the_deadline(root, path):
    with pytest.raises(RequestFailed, match=f"{path} did not answer within 0.3 s"):
        get(root + path, seconds=0.3)


def test_a_body_that_nobody_waits_for_any_more_is_not_read_on(root):
    Site.deserted.clear()
    with pytest.raises(RequestFailed, match="did not answer"):
        get(root + "/drip", seconds=0.3)
    assert Site.deserted.wait(20)


def test_grpc_is_told_from_http():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with pytest.raises(RequestFailed, match="does not speak HTTP; gRPC is asked as grpc://"):
            get(f"http://127.0.0.1:{port}/")
    finally:
        server.stop(None).wait(10)


@pytest.mark.parametrize("url", ["http://", "http://[::1", "http://a b/", "ftp://localhost/a"])
def test_what_is_no_url_is_not_asked_again(url):
    with pytest.raises(RequestFailed) as failure:
        get(url)
    assert type(failure.value) is RequestFailed


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
