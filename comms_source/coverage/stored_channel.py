"""What a destination holds of one channel, as far as a run depends on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from comms_source.coverage.channel_coverage import joined
from comms_source.coverage.open_operations import OpenOperation
from comms_source.timespans import Span


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """What the table `coverage` says of one window."""

    window: Span
    read_at: datetime
    rows: int

    def claims_nothing(self, *, rows: int = 0) -> Mapping[str, Any]:
        """The columns of a row that takes the claim back; `rows` are there after all."""
        return {
            "window_start": self.window.start,
            "window_end": self.window.end,
            "read_at": self.read_at,
            "rows_read": rows,
            "is_complete": False,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChannel:
    """What the tables hold of one channel and account before a run."""

    opened: Sequence[OpenOperation] = ()
    """The operations that are open, those past retention among them."""
    short: Sequence[datetime] = ()
    """The starts of windows that held more rows when they were read than the table does now."""
    lost: Sequence[tuple[CoverageRow, int]] = ()
    """Windows past retention of which the same is true, and how many rows are left."""
    unfounded: Sequence[CoverageRow] = ()
    """Windows that `coverage` calls complete and the coverage does not: their load failed."""
    complete_to: datetime | None = None
    """The end of the last window that `coverage` calls complete; looked up only where the coverage is
    lost."""
    newest: str | None = None
    """The id of the newest operation that the API still knows; looked up only where the credentials
    are not those that the rows were read with."""
    restates: bool = False
    """Whether `coverage` may lack what the coverage knows."""

    @property
    def unrecoverable_spans(self) -> list[Span]:
        """The creation time of rows that are gone and cannot be read again."""
        return joined(sorted(row.window for row, _ in self.lost))
