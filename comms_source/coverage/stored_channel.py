"""What a run needs to know about the rows of one channel in the destination. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from comms_source.coverage.open_operations import OpenOperation
from comms_source.coverage.spans import joined
from comms_source.timespans import Span


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """A row of the table `coverage`: one window."""

    window: Span
    read_at: datetime
    rows: int

    def retracted(self, *, rows: int = 0) -> Mapping[str, Any]:
        """The columns of a row that marks the window as incomplete; `rows` are in the table."""
        return {
            "window_start": self.window.start,
            "window_end": self.window.end,
            "read_at": self.read_at,
            "rows_read": rows,
            "is_complete": False,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChannel:
    """What the tables contain of one channel and account before a run."""

    opened: Sequence[OpenOperation] = ()
    """The open operations, also those past retention."""
    short: Sequence[datetime] = ()
    """The starts of windows that had more rows when they were read than the table has now."""
    lost: Sequence[tuple[CoverageRow, int]] = ()
    """Windows past retention that lack rows too, and how many rows each has left."""
    unfounded: Sequence[CoverageRow] = ()
    """Windows that are complete in the table `coverage`, but whose load failed: their load package
    was not loaded whole, or dlt's state does not know them."""
    complete_to: datetime | None = None
    """The end of the last complete window in the table `coverage`; looked up only if dlt's state
    has no coverage."""
    newest: str | None = None
    """The id of the newest operation within the retention; looked up only if the rows were read
    with other credentials."""
    restates: bool = False
    """Whether the table `coverage` may lack windows of dlt's state, and has to be written again."""
    rejected: frozenset[str] = frozenset()
    """What could not be read within the retention and is not resolved, or acknowledged: the ids of
    operations, and the keys of rows without an id."""
    columns: frozenset[str] = frozenset()
    """The names of the table's columns; none before the first load."""

    @property
    def known(self) -> StoredChannel:
        """Only what tells news from what is known, for a run that mends nothing in the tables."""
        return StoredChannel(rejected=self.rejected, columns=self.columns)

    @property
    def unrecoverable_spans(self) -> list[Span]:
        """The creation time of missing rows that cannot be read again."""
        return joined(sorted(row.window for row, _ in self.lost))
