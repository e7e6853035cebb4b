"""Tests of tools/scaling: the arithmetic, and that the page says what the script prints."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

from tools.network_costs import Costs, architecture, costs
from tools.step_time import (
    PUBLISHED_UPDATES,
    UPDATES,
    Machine,
    Update,
    hours,
    reached_flops,
    ring,
    step_time,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT, PAGE = ROOT / "tools" / "scaling", ROOT / "docs" / "scaling.md"
MACHINE = Machine(1e12, 1e-6, 100e9, 10e9, 1e-3)


@pytest.mark.parametrize(
    ("network", "parameters"),
    [
        (("resnet-50",), 25557032),
        (("resnet-101",), 44549160),
        (("resnet-152",), 60192808),
        (("resnet-152", "embedded_gaussian", "group"), 71341608),
        (("resnext-101-32x8d", "dot", "block"), 126801704),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_parameters_are_those_of_the_published_checkpoints(network, parameters):
    assert costs(*network).parameters == parameters


def test_multiply_adds_of_resnets_are_the_known_ones():
    found = [costs(f"resnet-{depth}").multiply_adds for depth in (50, 101, 152)]
    assert [round(one / 1e9, 1) for one in found] == [4.1, 7.8, 11.5]


def test_a_denoising_block_by_hand():
    """At 32 pixels the last group has one position: x x^T x there costs 2 x 2048."""
    plain, dot = (costs("resnet-50", kind, size=32) for kind in ("none", "dot"))
    convolutions = {64: 256, 16: 512, 4: 1024, 1: 2048}
    added = sum(n * C * C + 2 * min(n, C) * n * C for n, C in convolutions.items())
    assert dot.multiply_adds - plain.multiply_adds == added


def test_a_step_by_hand():
    """2 x 10 + 3 = 23 passes of 2 x 1e9 FLOPs for 64 images on each of two GPUs, 32 at a time."""
    update = Update(Costs(10**9, 25 * 10**6, 100), attack_steps=10)
    time = step_time(update, MACHINE, gpus=2, batch=128)
    assert time.compute == pytest.approx(64 * 23 * 2e9 / 1e12)
    assert time.launches == pytest.approx(2 * 23 * 100 * 1e-6)
    # Half of the gradient's 1e8 bytes is sent twice.
    assert time.exchange == pytest.approx(1e8 / 100e9)
    assert time.seconds == sum(time)


def test_the_ring_between_nodes_by_hand():
    assert ring(10**9, MACHINE, 1) == 0
    assert ring(10**9, MACHINE, 16) == pytest.approx(2 * 15 / 16 / 10 + 2 * 1e-3)


def test_what_was_reached_is_what_it_takes():
    update = Update(costs("resnet-152"), 30)
    reached = reached_flops(update, 128, 52)
    alone = Machine(reached, 0.0, 1e30, 1e30, 0.0)
    seconds = step_time(update, alone, 128).seconds
    assert hours(seconds, PUBLISHED_UPDATES) == pytest.approx(52)


def test_an_epoch_has_the_updates_that_training_says():
    """Of 1,281,167 images 12,812 are held out; another test holds README's lines to training."""
    assert UPDATES == (1281167 - 12812) // 4096
    assert f"updates        {UPDATES} an epoch" in (ROOT / "README.md").read_text()
    assert hours(1.0) == pytest.approx(309 * 110 / 3600)
    assert PUBLISHED_UPDATES == 313


def _flags(path: pathlib.Path) -> dict[str, str]:
    """Those of a flagfile and of what it includes; the last one counts."""
    found = {}
    for line in path.read_text().splitlines():
        name, _, value = line.removeprefix("--").partition("=")
        if name == "flagfile":
            found |= _flags(ROOT / value)
        elif line.startswith("--"):
            found[name] = value
    return found


def test_the_page_plans_what_flagfiles_train():
    row = r"^\| (\S+\.cfg) \| (\S+, .+|\S+) \| (\d+) \| \d+\.\d \|"
    rows = re.findall(row, PAGE.read_text(), re.MULTILINE)
    assert len(rows) == 5
    for flagfile, name, steps in rows:
        flags = _flags(ROOT / "flags" / flagfile)
        trained = flags["network"], flags.get("denoise", "none"), flags.get("denoise_at", "group")
        assert architecture(name) == trained and flags["attack_steps"] == steps
        assert flags["batch_size"] == "4096" and flags["epochs"] == "110"


def test_the_page_has_what_the_script_prints_and_every_figure_of_it_is_measured(tmp_path):
    printed = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=True)
    page = PAGE.read_text()
    parts = printed.stdout.strip().split("\n\n")
    names, tables = parts[::2], parts[1::2]
    expected = ["networks", "published", "goyal", "v100", "faster", "constants", "counted"]
    assert names == [*expected, "measured"]
    for name, table in zip(names, tables, strict=True):
        assert f"<!-- tools/scaling: {name} -->\n{table}\n\n" in page, f"run {SCRIPT} --write"
    seconds = json.loads((ROOT / "docs" / "scaling_measured.json").read_text())["seconds"]
    assert all(f"| {s:.2f} |" in page for pair in seconds.values() for s in pair)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
