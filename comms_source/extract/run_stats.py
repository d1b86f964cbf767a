"""What a run did, counted while it happens.

One object is shared by everything that takes part in a run; it is thread-safe. A watcher is called
after each page and each scan.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from comms_source.channels import CHANNELS
from comms_source.errors import COMPLETE, FAILED, INCOMPLETE
from comms_source.timespans import Span

IN_SUMMARY: Final = {"in_summary": True}
"""What is added to log records that say what the summary of a run says too."""


@dataclass(frozen=True, slots=True)
class ScanFailure:
    """A scan that ended before its last page."""

    start: datetime
    end: datetime
    error: str
    """The name of the error's class."""
    message: str

    @property
    def span(self) -> Span:
        """The range that was scanned."""
        return Span(self.start, self.end)


UNDOCUMENTED: Final = frozenset({"errors", "receipts"})
"""What the API's reference names and does not describe."""


@dataclass(slots=True)
class DetailsStats:
    """What a run did on the details of one channel."""

    planned: int = 0
    """Operations whose details are to be read in this run."""
    operations: int = 0
    """Operations whose details were read."""
    resources: int = 0
    """Rows of resources, each time they were read."""
    attempts: int = 0
    """Messages whose attempts were read."""
    requests: int = 0
    """Requests, retries not included."""
    rejected: int = 0
    """Rows of resources that could not be read."""
    waiting: int = 0
    """Operations that are due too, but beyond `details_requests`."""
    expired: int = 0
    """Operations that left retention before their details were read, found in this run."""
    unavailable: dict[str, str] = field(default_factory=dict)
    """Why the API refuses what was asked for: `tags` or `resources`, the list of resources;
    `errors`, the list of errors; `attempts`, messages by id; or `receipts`."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why details could not be read, by operation."""
    new_fields: set[str] = field(default_factory=set)
    """Fields that the reference does not name; they are not kept."""

    @property
    def ended(self) -> int:
        """Operations whose details were read, or failed to be."""
        return self.operations + len(self.failures)

    @property
    def read_all(self) -> bool:
        """Whether every request that was planned had its answer.

        The lists of errors and receipts are not documented, so they are not missed where the API
        has none.
        """
        return not self.failures and not (self.unavailable.keys() - UNDOCUMENTED)

    @property
    def complete(self) -> bool:
        """Whether nothing that was planned is missing, or was found lost."""
        return self.read_all and not self.expired


@dataclass(slots=True)
class ChannelStats:
    """What a run did on one channel.

    Its fields are the keys of the JSON in `runs.channels`.
    """

    requests: int = 0
    pages: int = 0
    operations: int = 0
    """Rows read, kept and handed on; an operation read twice counts twice."""
    rejected: int = 0
    """Rows that could not be read, each once."""
    rejected_before: int = 0
    """Those of them that were known from an earlier run; they do not make this one incomplete."""
    outside: int = 0
    """Rows that were left out, since they are far from the range that was asked for."""
    scans: int = 0
    """Scans that were planned."""
    scans_done: int = 0
    failures: list[ScanFailure] = field(default_factory=list)
    refused: str | None = None
    """Why the whole channel was refused, or None."""
    gaps: list[Span] = field(default_factory=list)
    """Creation time found lost in this run."""
    windows_missing_rows: int = 0
    """Windows that lacked rows in the table, though they had been read."""
    unrecoverable_rows: list[Span] = field(default_factory=list)
    """Creation time of rows that are no longer in the table and cannot be read again."""
    followed: int = 0
    """Operations past retention that were asked for by id."""
    not_found: int = 0
    """Those of them that the API no longer knows."""
    unfollowed: dict[str, str] = field(default_factory=dict)
    """Why an operation could not be asked for by id."""
    new_counters: set[str] = field(default_factory=set)
    """Columns for counters that the reference does not name and the table did not have."""
    new_fields: set[str] = field(default_factory=set)
    """Fields that neither the reference nor an earlier run named."""
    new_statuses: set[str] = field(default_factory=set)
    """Statuses that neither the reference nor an earlier run named."""
    details: DetailsStats = field(default_factory=DetailsStats)

    @property
    def complete(self) -> bool:
        """Whether all that was planned was read, and nothing was found missing for the first time.

        A row that an earlier run could not read either was reported by that run.
        """
        missing = self.rejected > self.rejected_before or self.gaps or self.unrecoverable_rows
        return self.read_all and self.details.complete and not missing

    def as_dict(self) -> dict[str, Any]:
        """All of it, for machines; times in ISO 8601 and UTC."""
        fields: dict[str, Any] = msgspec.to_builtins(self, order="sorted")
        return {"complete": self.complete, **fields}

    @property
    def read_all(self) -> bool:
        """Whether every request of the scans, and by id, had its answer."""
        return not (self.failures or self.refused or self.unfollowed)


Watcher = Callable[["RunStats"], None]
"""Called with the counts so far, after each page and each scan, on any thread."""


class RunStats:
    """The counts of one run, by channel and in all."""

    def __init__(self, records: Mapping[str, ChannelStats] | None = None) -> None:
        self._records = dict(records or {})
        self.retries = 0
        self.waited_seconds = 0.0
        self.answered = False
        """Whether the API's host ever gave an answer."""
        self._lock = threading.Lock()
        self._watchers: list[Watcher] = []

    @property
    def channels(self) -> dict[str, ChannelStats]:
        """The records so far, in the order of `CHANNELS`, whichever channel came first."""
        with self._lock:
            return {name: self._records[name] for name in CHANNELS if name in self._records}

    def channel(self, name: str) -> ChannelStats:
        """The record of a channel, made on first use."""
        with self._lock:
            return self._records.setdefault(name, ChannelStats())

    def watch(self, watcher: Watcher) -> None:
        """Have `watcher` called with this stats whenever a page arrived or a scan ended."""
        self._watchers.append(watcher)

    def changed(self) -> None:
        """Tell the watchers."""
        for watcher in self._watchers:
            watcher(self)

    def count_request(self, channel: str) -> None:
        """Note that a request of `channel` is being sent."""
        record = self.channel(channel)
        with self._lock:
            record.requests += 1

    def count_details_request(self, details: DetailsStats) -> None:
        """Note that a request for details is being sent for the first time."""
        with self._lock:
            details.requests += 1

    def count_answer(self) -> None:
        """Note that the API's host gave an answer, of any status."""
        self.answered = True

    def count_retry(self) -> None:
        """Note that a request will be sent again."""
        with self._lock:
            self.retries += 1

    def count_wait(self, seconds: float) -> None:
        """Note that a request waits before it is sent."""
        with self._lock:
            self.waited_seconds += seconds

    def start_over(self) -> None:
        """Forget the scans that were planned and not done: they are planned again."""
        for record in self.channels.values():
            record.scans = record.scans_done

    @property
    def requests(self) -> int:
        """All requests that were sent, retries included."""
        return sum(record.requests for record in self.channels.values())

    @property
    def operations(self) -> int:
        """All rows that were read and handed on."""
        return sum(record.operations for record in self.channels.values())

    @property
    def read_all(self) -> bool:
        """Whether every request that was planned had its answer."""
        records = self.channels.values()
        return all(record.read_all and record.details.read_all for record in records)

    @property
    def exit_code(self) -> int:
        """0 if all was read, 1 if not one scan could be finished, 3 if something is missing."""
        records = self.channels.values()
        if any(record.scans for record in records) and not any(r.scans_done for r in records):
            return FAILED
        return COMPLETE if all(record.complete for record in records) else INCOMPLETE
