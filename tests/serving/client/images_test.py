"""Tests of robust_tf.serving.client.images: files, folders and URLs."""

import contextlib
import http.server

import pytest

from robust_tf.serving.client import images
from robust_tf.serving.client.failures import NotFound, RequestFailed
from tests.serving.client.fake import http_server


@pytest.fixture
def reader():
    with contextlib.closing(images.Reader(retries=2, deadline=20.0)) as each:
        yield each


def test_folders_are_the_images_in_and_below_them_sorted(tmp_path):
    folder = tmp_path / "folder"
    for name in ("b.PNG", "a.jpg", "sub/c.jpeg", "sub/.hidden.png", "notes.txt", "a2.gif"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "odd.png").mkdir()
    (folder / "odd.png" / "d.png").touch()
    found = ["a.jpg", "b.PNG", "odd.png/d.png", "sub/c.jpeg"]
    expected = [str(folder / name) for name in found]
    assert images.expand([str(folder)]) == expected
    # Files are taken as they are named, whatever their suffix, and in the order of the names.
    named = ["https://example.org/x.png", str(folder / "notes.txt"), str(folder), "none.png"]
    assert images.expand(named) == [*named[:2], *expected, "none.png"]


def test_files_are_read_as_they_are(reader, tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x00\xff\r\n")
    assert reader.read(str(tmp_path / "a.png")) == b"\x00\xff\r\n"


def test_what_cannot_be_read_gets_its_sentence(reader, tmp_path, monkeypatch):
    with pytest.raises(RequestFailed, match="The file cannot be read: No such file"):
        reader.read(str(tmp_path / "none.png"))
    assert images.expand([str(tmp_path)]) == [str(tmp_path)]
    with pytest.raises(RequestFailed, match="The folder holds no .jpg, .jpeg, .png file."):
        reader.read(str(tmp_path))
    monkeypatch.setattr(images, "MOST_BYTES", 10)
    (tmp_path / "a.png").write_bytes(b"." * 10)
    assert len(reader.read(str(tmp_path / "a.png"))) == 10
    (tmp_path / "a.png").write_bytes(b"." * 11)
    with pytest.raises(RequestFailed, match="The file is larger than 10 bytes; expected less."):
        reader.read(str(tmp_path / "a.png"))


def test_urls_are_downloaded_and_asked_again_while_it_may_pass(reader):
    asked = []

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            known = self.path == "/a.png?size=1"
            self.send_response(404 if not known else 503 if len(asked) == 1 else 200)
            self.end_headers()
            self.wfile.write(b"image")

        def log_message(self, *_):
            pass

    with http_server(Site) as port:
        assert reader.read(f"HTTP://127.0.0.1:{port}/a.png?size=1") == b"image"
        assert asked == ["/a.png?size=1"] * 2
        with pytest.raises(NotFound, match=f"http://127.0.0.1:{port}/b.png answered 404 Not Found"):
            reader.read(f"http://127.0.0.1:{port}/b.png")
    assert asked[2:] == ["/b.png"]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
