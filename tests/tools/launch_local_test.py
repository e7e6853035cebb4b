"""Tests of tools/launch_local, with workers that cost nothing."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

LAUNCHER = pathlib.Path(__file__).parents[2] / "tools" / "launch_local"

WORKER_HEADER = """
import json, os, signal, socket, sys, time
place = json.loads(os.environ["TF_CONFIG"])
index = place["task"]["index"]
"""
SLEEP = "print('ready', os.getpid())\ntime.sleep(60)"


def start(*arguments: str) -> subprocess.Popen:
    """Starts the launcher with these arguments."""
    return subprocess.Popen(
        [sys.executable, str(LAUNCHER), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def launch(*arguments: str) -> tuple[int, str, str]:
    """Exit status, output and error output of the launcher with these arguments."""
    launcher = start(*arguments)
    output, errors = launcher.communicate(timeout=30)
    return launcher.returncode, output, errors


def launch_python(count: int, body: str, *options: str) -> tuple[int, str, str]:
    """Launches `count` workers that run this Python text; `place` and `index` are theirs."""
    return launch(str(count), *options, "--", sys.executable, "-c", WORKER_HEADER + body)


def start_sleepers(
    count: int, setup: str = "", *options: str
) -> tuple[subprocess.Popen, list[int]]:
    """Starts workers that only sleep, and gives the launcher and the workers' process ids."""
    body = WORKER_HEADER + setup + "\n" + SLEEP
    launcher = start(str(count), *options, "--", sys.executable, "-c", body)
    lines = [launcher.stdout.readline() for _ in range(count)]
    return launcher, [int(line.split()[-1]) for line in lines]


def runs(pid: int) -> bool:
    """Whether a process still runs (one that is dead but not yet reaped does not)."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def assert_all_end(pids: list[int]) -> None:
    """Fails where one of the processes still runs after a few seconds."""
    deadline = time.monotonic() + 5
    while any(runs(pid) for pid in pids):
        assert time.monotonic() < deadline, [pid for pid in pids if runs(pid)]
        time.sleep(0.05)


def configurations(output: str) -> dict[int, dict]:
    """What each worker printed, by the number in front of its line."""
    found = re.findall(r"^\[(\d+)\] (\{.*\})$", output, re.MULTILINE)
    return {int(index): json.loads(text) for index, text in found}


def test_each_worker_gets_its_place_in_one_cluster_and_a_port_it_can_listen_on():
    body = (
        "port = int(place['cluster']['worker'][index].rpartition(':')[2])\n"
        "socket.create_server(('127.0.0.1', port)).close()\n"
        "print(json.dumps(place))"
    )
    status, output, errors = launch_python(3, body)
    assert (status, errors) == (0, "")
    found = configurations(output)
    assert sorted(found) == [0, 1, 2]
    clusters = [place["cluster"] for place in found.values()]
    assert clusters[0] == clusters[1] == clusters[2]
    assert len(set(clusters[0]["worker"])) == 3
    for index, place in found.items():
        assert place["task"] == {"type": "worker", "index": index}


def test_no_worker_inherits_a_socket():
    body = (
        "links = [os.readlink(f'/proc/self/fd/{name}')\n"
        "         for name in os.listdir('/proc/self/fd')\n"
        "         if os.path.exists(f'/proc/self/fd/{name}')]\n"
        "print(sum(link.startswith('socket:') for link in links), 'of', len(links) >= 3)"
    )
    lines = sorted(launch_python(2, body)[1].splitlines())
    assert lines == ["[0] 0 of True", "[1] 0 of True"]


def test_every_line_has_its_prefix_even_one_without_an_end():
    body = "print('out'); sys.stderr.write('err\\n'); sys.stdout.write('tail %d' % index)"
    status, output, _ = launch_python(2, body)
    assert status == 0
    lines = sorted(output.splitlines())
    assert lines == ["[0] err", "[0] out", "[0] tail 0", "[1] err", "[1] out", "[1] tail 1"]


def test_lines_are_printed_while_the_workers_run_and_sigterm_ends_all():
    launcher, pids = start_sleepers(2)
    assert all(runs(pid) for pid in pids)
    launcher.terminate()
    assert launcher.wait(timeout=20) == 128 + signal.SIGTERM
    assert_all_end(pids)


def test_one_failure_ends_all_and_gives_its_status():
    began = time.monotonic()
    status, output, errors = launch_python(3, "sys.exit(7) if index == 1 else time.sleep(60)")
    assert status == 7
    assert "worker 1 ended with status 7." in errors
    assert time.monotonic() - began < 10


def test_a_killed_worker_gives_128_and_the_signal():
    body = "os.kill(os.getpid(), signal.SIGKILL) if index == 0 else time.sleep(60)"
    assert launch_python(2, body)[0] == 128 + signal.SIGKILL


def test_a_worker_that_ignores_sigterm_is_killed_with_what_it_started(tmp_path):
    # Worker 0 and its child ignore SIGTERM; worker 1 fails once both do.
    body = f"""
import subprocess
marker = {str(tmp_path / "pids")!r}
if index == 1:
    while not os.path.exists(marker):
        time.sleep(0.05)
    sys.exit(3)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "60"])
with open(marker + ".new", "w") as file:
    file.write(f"{{os.getpid()}} {{child.pid}}")
os.rename(marker + ".new", marker)
while True:
    time.sleep(1)
"""
    status, _, errors = launch_python(2, body)
    assert status == 3, errors
    assert_all_end([int(pid) for pid in (tmp_path / "pids").read_text().split()])


def test_restart_starts_all_again_with_new_ports(tmp_path):
    body = f"""
print(json.dumps(place), flush=True)
marker = {str(tmp_path / "failed-once")!r}
if index == 1 and not os.path.exists(marker):
    open(marker, "w").close()
    sys.exit(5)
"""
    status, output, errors = launch_python(2, body, "--restart=1")
    assert status == 0
    assert errors.count("worker 1 ended with status 5") == 1
    addresses = {json.loads(line[4:])["cluster"]["worker"][0] for line in output.splitlines()}
    assert len(addresses) == 2


def test_restarts_are_counted_and_the_last_status_is_given():
    status, output, errors = launch_python(1, "print('try'); sys.exit(9)", "--restart=2")
    assert status == 9
    assert output.splitlines() == ["[0] try"] * 3
    assert errors.count("worker 0 ended with status 9") == 3
    assert launch_python(1, "print('try'); sys.exit(9)", "--restart")[1].count("try") == 2


def test_bad_flags_are_not_started_again():
    status, output, errors = launch_python(1, "print('try'); sys.exit(2)", "--restart=2")
    assert (status, output) == (2, "[0] try\n")
    assert errors == "launch_local: worker 0 ended with status 2.\n"


def test_control_c_ends_all():
    launcher, pids = start_sleepers(2)
    launcher.send_signal(signal.SIGINT)
    assert launcher.wait(timeout=20) == 128 + signal.SIGINT
    assert_all_end(pids)


def test_a_second_control_c_does_not_wait_for_a_deaf_worker():
    launcher, pids = start_sleepers(1, "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    began = time.monotonic()
    launcher.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert runs(pids[0])
    launcher.send_signal(signal.SIGINT)
    assert launcher.wait(timeout=20) == 128 + signal.SIGINT
    assert time.monotonic() - began < 3
    assert_all_end(pids)


def test_workers_have_the_grace_to_save_in_and_no_more():
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    saves = (
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), print('saved'), sys.exit()))"
    )
    launcher, pids = start_sleepers(2, f"{deaf} if index else {saves}", "--grace=1")
    launcher.terminate()
    # Long before the 60 seconds that are usual.
    assert launcher.wait(timeout=20) == 128 + signal.SIGTERM
    assert launcher.stdout.read() == "[0] saved\n"
    assert_all_end(pids)


def test_workers_die_with_a_killed_launcher():
    launcher, pids = start_sleepers(2)
    os.kill(launcher.pid, signal.SIGKILL)
    launcher.wait(timeout=20)
    assert_all_end(pids)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["0", "--", "true"], "N: expected a whole number from 1 up, got '0'"),
        (["two", "--", "true"], "N: expected a whole number from 1 up, got 'two'"),
        (["--", "true"], "required: N"),
        (["2"], "COMMAND is missing"),
        (["2", "--"], "COMMAND is missing"),
        (["2", "--", "no-such-program"], "COMMAND no-such-program was not found"),
        (["2", "--restart=-1", "--", "true"], "--restart: expected a whole number from 0 up"),
        (["2", "--grace=long", "--", "true"], "--grace: expected a whole number from 0 up"),
        (["2", "3", "--", "true"], "unrecognized arguments: 3"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(arguments, words):
    status, output, errors = launch(*arguments)
    assert (status, output) == (2, "")
    assert words in errors
    assert errors.count("\n") == 1


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
