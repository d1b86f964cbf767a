"""What is new about the pages that a run reads on one channel, and what is known from before.

The destination says which rows were rejected before, and which columns the table has. Fields and
statuses have no column of their own, so the channel's state keeps those that were reported.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from comms_source.coverage.stored_channel import StoredChannel
from comms_source.extract.run_stats import ChannelStats
from comms_source.tables.bookkeeping import subjects
from comms_source.tables.operations import PageTables

REPORTED: Final = "reported"
"""Where a channel's state keeps the fields and statuses that runs have named, by account."""


class News:
    """Notes in the run's stats what each page brings that no run has reported yet."""

    def __init__(self, stored: StoredChannel) -> None:
        """Begin with what the destination holds of the channel."""
        self._stored = stored
        self._fields: set[str] = set()
        self._statuses: set[str] = set()
        self._rejected: dict[str, bool] = {}
        """The keys of the rows that could not be read, and whether that is known."""

    def recall(self, state: Mapping[str, Any], account: str) -> None:
        """Take over from the state what earlier runs have named."""
        reported = state.get(REPORTED, {}).get(account, {})
        self._fields.update(reported.get("fields", ()))
        self._statuses.update(reported.get("statuses", ()))

    def note(self, page: PageTables, stats: ChannelStats) -> None:
        """Note what is new about a page."""
        stats.new_counters |= page.new_counters - self._stored.columns
        stats.new_fields |= page.new_fields - self._fields
        stats.new_statuses |= page.new_statuses - self._statuses
        if page.rejected.num_rows:
            keys: list[Any] = page.rejected["row_key"].to_pylist()
            known = (subject in self._stored.rejected for subject in subjects(page.rejected))
            self._rejected.update(zip(keys, known, strict=True))
            stats.rejected = len(self._rejected)
            stats.rejected_before = sum(self._rejected.values())

    def remember(
        self, state: MutableMapping[str, Any], account: str, *, stats: ChannelStats
    ) -> None:
        """Put into the state what this run and earlier ones have named, if that is anything."""
        fields, statuses = self._fields | stats.new_fields, self._statuses | stats.new_statuses
        if fields or statuses:
            reported = {"fields": sorted(fields), "statuses": sorted(statuses)}
            state.setdefault(REPORTED, {})[account] = reported
