"""The rows that a channel's run writes to the tables `coverage` and `gaps`. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from comms_source.coverage.channel_coverage import ChannelCoverage
from comms_source.coverage.stored_channel import StoredChannel
from comms_source.timespans import Span, parse_instant

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookkeepingRows:
    """Makes the rows of one account and channel."""

    account: str
    channel: str
    now: datetime
    """When the run began."""

    def gaps(self, spans: Iterable[Span], *, reason: str) -> list[Row]:
        """The rows of gaps that this run found."""
        return [
            {
                "account": self.account,
                "channel": self.channel,
                "gap_start": span.start,
                "gap_end": span.end,
                "found_at": self.now,
                "reason": reason,
            }
            for span in spans
        ]

    def windows(self, coverage: ChannelCoverage, starts: Collection[datetime]) -> list[Row]:
        """The rows of the windows of `coverage` that begin at `starts`."""
        return [
            {
                "account": self.account,
                "channel": self.channel,
                "window_start": start,
                "window_end": coverage.span_of(start).end,
                "read_at": coverage.windows[start].read_at,
                "rows_read": coverage.windows[start].rows,
                "is_complete": coverage.windows[start].complete,
            }
            for start in sorted(starts)
        ]

    def corrections(
        self,
        rows: Sequence[Row],
        stored: StoredChannel,
        coverage: ChannelCoverage,
        *,
        restates: bool,
    ) -> list[Row]:
        """The rows, beside `rows`, that bring the table in line with state and loaded rows.

        Args:
            rows: What this run writes anyway.
            stored: What the destination holds of the channel.
            coverage: The coverage after this run.
            restates: Whether every window is written again.
        """
        written = {row["window_start"] for row in rows}
        again = self.windows(coverage, set(coverage.windows) - written if restates else ())
        written |= {row["window_start"] for row in again}
        own = {"account": self.account, "channel": self.channel}
        unfounded = [row for row in stored.unfounded if row.window.start not in written]
        return [
            *again,
            *({**own, **row.retracted()} for row in unfounded),
            *({**own, **row.retracted(rows=left)} for row, left in stored.lost),
        ]


def gaps_to_state(rows: Sequence[Row]) -> list[Any]:
    """Rows of `gaps` as JSON."""
    gaps: list[Any] = msgspec.to_builtins(rows)
    return gaps


def gaps_from_state(rows: Iterable[Row]) -> list[Row]:
    """The rows that `gaps_to_state` was given."""
    times = ("gap_start", "gap_end", "found_at")
    return [{**row, **{name: parse_instant(row[name]) for name in times}} for row in rows]
