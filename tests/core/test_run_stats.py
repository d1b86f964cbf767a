"""The run stats."""

from __future__ import annotations

from itertools import permutations

import pytest

from comms_source.channels import CHANNELS
from comms_source.extract.run_stats import RunStats


@pytest.mark.parametrize("arrivals", list(permutations(CHANNELS)))
def test_channels_are_in_one_order(arrivals: tuple[str, ...]) -> None:
    """Regardless of which answered first, so that two reports can be compared line by line."""
    stats = RunStats()
    for name in arrivals:
        stats.channel(name).pages += 1

    assert list(stats.channels) == list(CHANNELS)
    assert all(record.pages == 1 for record in stats.channels.values())


def test_a_channel_that_was_not_read_has_no_stats() -> None:
    """If the first channel is refused, the others do not look as if they had been read."""
    stats = RunStats()
    stats.channel("emails")

    assert list(stats.channels) == ["emails"]
