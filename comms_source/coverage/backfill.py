"""Reading a range of creation time once, a day at a time: what is done, and what is left. Pure.

What is done is remembered until all of it is, so that the same range, asked for again after a run
died or a day failed, continues where it stopped. This is not the coverage: past retention the API
returns incomplete data without saying so, and nothing there counts as read.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from comms_source.coverage.channel_coverage import ScanResult
from comms_source.coverage.planner import Scan
from comms_source.coverage.spans import joined, uncovered
from comms_source.coverage.state import to_instant, to_seconds
from comms_source.timespans import Span, clip, windows

CHUNK: Final = timedelta(days=1)
"""A day of creation time, in UTC, is committed at a time."""

BACKFILLS: Final = "backfills"
"""Where a channel's state keeps what is done of a backfill, by account."""


@dataclass(frozen=True, slots=True)
class DailyBackfill:
    """Read a range once."""

    span: Span
    open_end: bool
    """Whether the range was to end when the run began; its end then moves from run to run."""

    keeps_coverage = True
    reads_all_due = False

    def scans(self, *, state: Mapping[str, Any], account: str, **_: Any) -> list[Scan]:
        """What is left to read, a scan for each day, the oldest first."""
        left = uncovered(self.span, self._done(state, account))
        days = [part for span in left for day in windows(span, CHUNK) if (part := clip(day, span))]
        return [Scan(span=day, cuttable=True) for day in days]

    def note(
        self,
        results: Sequence[ScanResult],
        *,
        state: MutableMapping[str, Any],
        account: str,
        done: bool,
    ) -> None:
        """Remember the scans that ended; forget them all once everything is `done`."""
        memories = state.setdefault(BACKFILLS, {})
        if done:
            memories.pop(account, None)
            return
        finished = joined([*self._done(state, account), *(each.span for each in results)])
        memories[account] = {
            **self._key(),
            "done": [[to_seconds(s.start), to_seconds(s.end)] for s in finished],
        }

    def _done(self, state: Mapping[str, Any], account: str) -> list[Span]:
        memory = state.get(BACKFILLS, {}).get(account)
        if not memory or any(memory[name] != value for name, value in self._key().items()):
            return []
        return [Span(to_instant(start), to_instant(end)) for start, end in memory["done"]]

    def _key(self) -> dict[str, Any]:
        until = None if self.open_end else to_seconds(self.span.end)
        return {"since": to_seconds(self.span.start), "until": until}
