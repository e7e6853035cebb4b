"""Tests of tools/fuzz_serving: what it sends, what it takes for a fault, and a short run of it."""

import json
import random
import re
import sys

import numpy as np
import pytest

from tests.commands.running import ROOT, run

sys.path.insert(0, str(ROOT / "tools"))

from server_trials import contents  # noqa: E402
from server_trials.files import image_file  # noqa: E402
from server_trials.judging import WRONG, failed, leak, refused, right  # noqa: E402
from server_trials.kinds import CUT, KINDS  # noqa: E402
from server_trials.messages import Answer, mutated  # noqa: E402

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
FILES = [image_file(image) for image in PIXELS]
MODEL = contents.Model("digits", PIXELS, FILES, (contents.BARE, "defended"))
LOGITS = np.array([[1.0, -2.0]])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_seed_makes_the_same_request_and_another_one_others(kind):
    made = [kind.make(random.Random(seed), MODEL) for seed in (1, 1, 2, 3, 4, 5, 6, 7, 8, 9)]
    assert made[0] == made[1]
    assert len({repr(request) for request in made}) > 1


def test_bytes_are_changed():
    changed = [mutated(b"abcdef" * 20, random.Random(seed)) for seed in range(50)]
    assert len(set(changed)) > 45


@pytest.mark.parametrize(
    ("judge", "answer", "fault"),
    [
        (right(LOGITS), Answer("200", "", LOGITS + 1e-6), ""),
        (right(LOGITS), Answer("OK", "", LOGITS + 1e-3), "is wrong"),
        (right(LOGITS * float("nan")), Answer("OK", "", LOGITS), ""),
        (right(LOGITS * float("nan")), Answer("OK", "", LOGITS[:, :1]), "is wrong"),
        (right(LOGITS), Answer("200", "", np.concatenate([LOGITS, LOGITS])), "is wrong"),
        (right(LOGITS), Answer("200"), "is wrong"),
        (right(LOGITS), Answer("400"), "was lost"),
        (right(LOGITS), Answer("closed"), "was lost"),
        (refused, Answer("400"), ""),
        (refused, Answer("INVALID_ARGUMENT"), ""),
        (refused, Answer("200"), "was taken"),
        (refused, Answer("OK"), "was taken"),
        (refused, Answer("500"), "failed"),
        (refused, Answer("RESOURCE_EXHAUSTED", "17 larger than max (16)"), ""),
        (refused, Answer("RESOURCE_EXHAUSTED", "2 images wait for the model"), "turned away"),
        (refused, Answer("DEADLINE_EXCEEDED"), "never answered"),
        (failed, Answer("CANCELLED"), "never answered"),
        (failed, Answer("200"), ""),
        (failed, Answer("cut"), ""),
        (failed, Answer("503"), "failed"),
        (failed, Answer("INTERNAL"), "failed"),
        (failed, Answer("UNKNOWN"), "failed"),
        (failed, Answer("closed"), "failed"),
        (WRONG[CUT], Answer("DEADLINE_EXCEEDED"), ""),
        (WRONG[CUT], Answer("CANCELLED"), ""),
        (WRONG[CUT], Answer("INTERNAL"), "failed"),
        (leak, Answer("400", json.dumps({"error": "One sentence."})), ""),
        (leak, Answer("400", json.dumps({"error": "Two\nlines."})), "more than a sentence"),
        (leak, Answer("400", json.dumps({"error": "a" * 2000})), "more than a sentence"),
        (leak, Answer("UNKNOWN", 'Traceback (most recent call last): File "a.py"'), "stack trace"),
    ],
)
def test_faults_are_seen(judge, answer, fault):
    found = judge(answer)
    assert fault in found and bool(fault) == bool(found)


def test_a_short_run_finds_only_the_memory_that_it_is_denied():
    # What no server can do with, so that a fault is told too.
    flags = ("--requests=160", "--seed=3", "--memory=1")
    done = run(sys.executable, "tools/fuzz_serving", *flags, status=1)
    assert "\nFAULT memory rose to" in done.stdout and done.stdout.endswith("\nFaults: 1\n")
    rows = dict(re.findall(r"^(\S.*?) {2,}([\d,]+) *", done.stdout, re.MULTILINE))
    assert (rows["good"], rows["all"]) == ("40", "200")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
