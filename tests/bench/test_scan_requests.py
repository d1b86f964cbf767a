"""The arithmetic of the count of requests; the table itself is not a test."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.bench.scan_requests import BEGINNING, EVENLY, UNEVENLY, figures, of_account

HOUR = timedelta(hours=1)


def test_an_account_is_divided_by_its_shares() -> None:
    """A full read takes a request for each thousand operations of a channel, and at least one."""
    evenly, unevenly = of_account(30_000, EVENLY), of_account(30_000, UNEVENLY)
    for channel in (*evenly, *unevenly):
        channel.run(BEGINNING)

    assert [channel.full[0] for channel in evenly] == pytest.approx([10, 10, 10], abs=1)
    assert [channel.full[0] for channel in unevenly] == pytest.approx([18, 9, 3], abs=1)


def test_the_first_run_reads_all_and_the_next_little() -> None:
    """What a run has read is known to the next one."""
    (channel, *_) = of_account(30_000, EVENLY)
    channel.run(BEGINNING)
    channel.run(BEGINNING + HOUR / 4)

    assert channel.requests[0] in {channel.full[0], channel.full[0] + 1}
    assert channel.requests[1] < channel.full[1] / 3


def test_figures_are_means_of_the_last_runs() -> None:
    """Over all channels; the ratio is that of the means."""
    one, other, _ = of_account(0, EVENLY)
    one.requests, one.full = [90, 2, 4], [90, 30, 30]
    other.requests, other.full = [90, 1, 3], [90, 10, 10]

    assert figures([one, other], runs=2) == (5, 40, 8)
