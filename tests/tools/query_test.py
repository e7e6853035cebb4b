"""Tests of tools/query as a user types it, against model servers made by hand."""

import functools
import http.server
import json
import os
import pty
import subprocess
import sys

import pytest

from tests.commands.running import ROOT, environment, run
from tests.serving.client.fake import BAD, MODEL, PROTOCOLS, fake_server, free_port, http_server

QUERY = (sys.executable, str(ROOT / "tools" / "query"))


@pytest.fixture
def folder(tmp_path):
    """Two images and one that is refused."""
    for name, content in (("a.png", b"a"), ("b.png", BAD), ("c.png", b"c")):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "names.txt").write_text("circle\nsquare\nstar\n")
    return tmp_path


def query(fake, *arguments, status: int = 0) -> subprocess.CompletedProcess:
    """What becomes of a query to this server."""
    return run(
        *QUERY, f"--server={fake.address}", f"--model={MODEL}", *map(str, arguments), status=status
    )


def test_a_label_reaches_the_server(folder):
    with fake_server("rest") as fake:
        fake.label = "stable"
        done = query(fake, folder / "a.png", "--label=stable", "--format=jsonl")
    assert json.loads(done.stdout)["class"] == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_table_with_what_failed_below_it(protocol, folder):
    names = f"--class_names={folder / 'names.txt'}"
    with fake_server(protocol) as fake:
        done = query(fake, folder / "a.png", names, "--top=2", folder / "b.png", status=1)
    (title, rule, row, failure) = done.stdout.splitlines()
    assert title.split() == ["file", "class", "probability", "then"]
    assert set(rule) == {"-", " "}
    assert row.split() == [str(folder / "a.png"), "square", "62.5%", "circle", "25.0%"]
    assert failure == f"{folder / 'b.png'}: It is invalid."
    assert done.stderr == ""


def test_lines_of_json_and_what_is_sent(folder):
    with fake_server("rest") as fake:
        done = query(fake, "--format=jsonl", "--batch=2", folder, "--top=1", status=1)
        assert fake.asked == [[b"a", BAD], [b"a"], [BAD], [b"c"]]
    first = {"class": 1, "probability": 0.625}
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"file": str(folder / "a.png"), **first, "top": [first]},
        {"file": str(folder / "b.png"), "error": "It is invalid."},
        {"file": str(folder / "c.png"), **first, "top": [first]},
    ]


class Site(http.server.SimpleHTTPRequestHandler):
    """Gives out a folder, and is silent about it."""

    def log_message(self, *_):
        pass


def test_all_answered_is_status_0_be_it_files_or_urls(folder):
    site = functools.partial(Site, directory=folder)
    with fake_server("rest") as fake, http_server(site) as port:
        url = f"http://127.0.0.1:{port}/a.png"
        done = query(fake, url, folder / "c.png", "--top=1")
        assert fake.asked == [[b"a", b"c"]]
    assert [row.split() for row in done.stdout.splitlines()[2:]] == [
        [url, "1", "62.5%"],
        [str(folder / "c.png"), "1", "62.5%"],
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model=forms", "a.png"], "query: --model=forms is not there: "),
        (["--signature=pixels", "a.png"], "query: --signature=pixels is unknown; "),
        ([], "query: There is nothing to send; expected image files, folders or URLs."),
        (["--batch=many", "a.png"], "query: argument --batch: invalid int value: 'many'"),
        (["--server=localhost", "a.png"], "query: --server=localhost is no address; expected"),
        (["--modle=a", "a.png"], "query: unrecognized arguments: --modle=a"),
    ],
)
def test_bad_usage_is_one_sentence_and_status_2(arguments, sentence):
    with fake_server("rest") as fake:
        done = query(fake, *arguments, status=2)
    assert done.stdout == ""
    assert done.stderr.startswith(sentence) and done.stderr.count("\n") == 1


@pytest.mark.parametrize("scheme", ["", "grpc://"])
def test_nobody_who_listens_is_one_sentence_and_status_1(scheme):
    server = f"--server={scheme}127.0.0.1:{free_port()}"
    done = run(*QUERY, server, "--model=a", "--retries=1", "a.png", status=1)
    assert done.stdout == ""
    assert "onnection refused" in done.stderr and done.stderr.count("\n") == 1


def test_a_reader_that_goes_is_no_stack_trace(folder):
    with fake_server("rest") as fake:
        line = [*QUERY, f"--server={fake.address}", f"--model={MODEL}", "--format=jsonl"]
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [*line, "--batch=1", str(folder)],
            env=environment(),
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=100,
        )
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_lines_of_json_come_before_the_next_is_asked(folder):
    with fake_server("rest") as fake:
        fake.trouble = [None, "asleep"]
        line = [*QUERY, f"--server={fake.address}", f"--model={MODEL}", "--format=jsonl"]
        process = subprocess.Popen(
            [*line, "--batch=1", str(folder / "a.png"), str(folder / "c.png")],
            # Where it is set, Python itself sees to what is tested here.
            env={**environment(), "PYTHONUNBUFFERED": ""},
            stdout=subprocess.PIPE,
        )
        assert json.loads(process.stdout.readline())["class"] == 1
        assert not fake.slept_out
        fake.wake()
        assert process.stdout.read().count(b"\n") == 1
        assert process.wait(60) == 0


def test_progress_is_seen_on_a_terminal_and_not_in_the_results(folder):
    reader, screen = pty.openpty()
    with fake_server("rest") as fake:
        fake.trouble, fake.nap = [None, "asleep"], 0.6
        line = [*QUERY, f"--server={fake.address}", f"--model={MODEL}", "--format=jsonl"]
        done = subprocess.run(
            [*line, "--batch=1", str(folder / "a.png"), str(folder / "c.png")],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=screen,
            timeout=100,
        )
    os.close(screen)
    assert done.returncode == 0
    assert done.stdout.count(b"\n") == 2 and b"images" not in done.stdout
    assert b"2/2 images\r" in os.read(reader, 1000)
    os.close(reader)


def test_help_runs_as_it_is():
    done = run("tools/query", "--help")
    assert "tools/query --server=localhost:8501 --model=digits image.png folder/" in done.stdout


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
