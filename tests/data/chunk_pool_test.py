"""Chunks read in parallel come back in order, each of them, pass after pass."""

import itertools
import signal
import time

import pytest

from robust_tf.data.chunk_pool import ChunkPool


@pytest.fixture
def opened():
    pools = []

    def make(*args):
        pools.append(ChunkPool(*args))
        pools[-1].reset_state()
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture
def one_minute():
    """Ends a test that waits for ever."""

    def give_up(*_):
        raise TimeoutError("still waiting after a minute")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_none_is_lost_in_many(opened, one_minute):
    # With tensorpack's own queue limits ZeroMQ drops one of these and the reader waits for ever.
    pool = opened(lambda number: [number] * 1000, 0, 1, 2)
    chunks = itertools.islice(pool.chunks(), 20000)
    assert all(chunk[0] == number for number, chunk in enumerate(chunks))


def test_order_is_kept_where_some_take_longer(opened):
    def read(number):
        time.sleep(0.02 if number % 4 == 0 else 0)
        return number

    pool = opened(read, 8, 4, 3)
    assert list(itertools.islice(pool.chunks(), 20)) == list(range(8, 88, 4))


def test_a_pass_that_is_left_does_not_disturb_the_next(opened):
    pool = opened(lambda number: number, 5, 1, 2)
    for length in (0, 1, 7, 30):
        assert list(itertools.islice(pool.chunks(), length)) == list(range(5, 5 + length))


def test_two_passes_at_a_time_are_refused(opened):
    pool = opened(lambda number: number, 0, 1, 1)
    first = pool.chunks()
    next(first)
    with pytest.raises(Exception, match="not reentrant"):
        next(pool.chunks())


def test_failures_reach_the_parent(opened):
    def read(number):
        if number == 3:
            raise KeyError("boom")
        return number

    chunks = opened(read, 0, 1, 2).chunks()
    with pytest.raises(RuntimeError, match="(?s)failed in a data process.*boom"):
        list(itertools.islice(chunks, 10))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
