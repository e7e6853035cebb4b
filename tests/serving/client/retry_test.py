"""Tests of robust_tf.serving.client.retry: how long the pauses are."""

import types

import pytest

from robust_tf.serving.client import retry
from robust_tf.serving.client.failures import Passing, RequestFailed
from tests.serving.client.fake import pauses_of


def test_pauses_grow_to_a_limit_and_differ():
    drawn = [[retry.pause(tried) for _ in range(200)] for tried in (0, 3, 1000)]
    for each, longest in zip(drawn, (0.2, 1.6, 10.0), strict=True):
        assert longest / 2 <= min(each) < 0.6 * longest
        assert 0.9 * longest < max(each) <= longest


def test_a_server_that_wants_to_be_left_alone_is(monkeypatch):
    pauses, asked = pauses_of(monkeypatch), []

    def ask(seconds):
        asked.append(seconds)
        if len(asked) == 1:
            raise Passing("It is busy.", wait=7.0)
        return "answer"

    assert retry.persist(ask, retries=1, deadline=60) == "answer"
    assert pauses == [7.0]
    asked.clear()
    with pytest.raises(RequestFailed, match="It is busy.$"):
        retry.persist(ask, retries=1, deadline=6.9)
    assert len(asked) == 1


def test_a_pause_that_takes_too_long_leaves_a_moment_for_asking(monkeypatch):
    waited, given = [], []
    clock = types.SimpleNamespace(
        monotonic=lambda: sum(waited), sleep=lambda seconds: waited.append(seconds + 1)
    )
    monkeypatch.setattr(retry, "time", clock)

    def ask(seconds):
        given.append(seconds)
        raise Passing("It is busy.", wait=0.9)

    with pytest.raises(RequestFailed, match="It is busy"):
        retry.persist(ask, retries=1, deadline=1.0)
    assert len(given) == 2 and min(given) > 0


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
