"""The counts of a run."""

from __future__ import annotations

from itertools import permutations

import pytest

from comms_source.channels import CHANNELS
from comms_source.extract.run_stats import RunStats


@pytest.mark.parametrize("arrivals", list(permutations(CHANNELS)))
def test_channels_come_in_one_order_whichever_answered_first(arrivals: tuple[str, ...]) -> None:
    """So that two reports of the same account can be compared line by line."""
    stats = RunStats()
    for name in arrivals:
        stats.channel(name).pages += 1

    assert list(stats.channels) == list(CHANNELS)
    assert all(record.pages == 1 for record in stats.channels.values())


def test_a_channel_that_took_no_part_has_no_record() -> None:
    """A refusal of the first one does not make the others look read."""
    stats = RunStats()
    stats.channel("emails")

    assert list(stats.channels) == ["emails"]
