"""The schedule of a first load, where each request takes one unit."""

from __future__ import annotations

import pytest

from comms_source.config.settings import CONCURRENCY
from comms_source.extract.parallel_scans import LAST_SCANS, most_running
from tests.bench.schedule import Channel, bursts, by_day, even, flights


def test_a_small_channel_is_one_request() -> None:
    """One page has all its operations."""
    assert flights([Channel(even(900))]) == [1]


def test_every_page_is_read_once() -> None:
    """But the first page of a scan that is cut is read again, by one of its pieces."""
    channel = Channel(even(9_500))

    assert flights([channel]) == [1] * 10
    assert channel.left == 0


@pytest.mark.slow
def test_channels_begin_with_one_request_each_and_share_the_concurrency() -> None:
    """No more requests are in flight than are allowed."""
    for density in (by_day, bursts):
        sent = flights([Channel(density(60_000)) for _ in range(3)])

        assert sent[:2] == [3, CONCURRENCY]
        assert max(sent) == CONCURRENCY


def test_the_last_scans_of_a_run_run_all_at_once() -> None:
    """As many as take turns without much memory; before that, one for each request."""
    few = LAST_SCANS * CONCURRENCY

    assert most_running(left=few, pages=1, parallel=CONCURRENCY) == few
    assert most_running(left=few + 1, pages=1, parallel=CONCURRENCY) == CONCURRENCY
    assert most_running(left=few, pages=0, parallel=CONCURRENCY) == 1
    assert most_running(left=2, pages=1, parallel=1) == 1
