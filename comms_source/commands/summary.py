"""How a run went, for people and for machines. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from comms_source.errors import COMPLETE, FAILED, INCOMPLETE
from comms_source.extract.run_record import OUTCOMES, channels_as_dict
from comms_source.extract.run_stats import ChannelStats, DetailsStats, RunStats
from comms_source.timespans import to_iso
from comms_source.words import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """How a run went."""

    stats: RunStats
    account: str
    started_at: datetime
    ended_at: datetime
    destination: str
    dataset: str
    load_ids: Sequence[str]
    views: Sequence[str]

    @property
    def exit_code(self) -> int:
        """0 if all was read, 1 if not one scan could be finished, 3 if something is missing."""
        return self.stats.exit_code

    @property
    def worth_retrying(self) -> bool:
        """Whether running again may read what this run did not.

        It cannot mend what alone makes a run incomplete otherwise: gaps, and rejected rows.
        """
        return not self.stats.read_all

    def lines(self) -> list[str]:
        """What was read, and all that went wrong or was new, for people."""
        channels = self.stats.channels
        rows = sum(each.operations + each.followed + each.rejected for each in channels.values())
        seconds = (self.ended_at - self.started_at).total_seconds()
        ending = (
            f"{'Loaded' if rows else 'Nothing was loaded'} into {self.destination}, "
            f"dataset {self.dataset}, in {seconds:.1f} s: {_requests(self.stats)}."
        )
        return [*(line for each in channels.items() for line in _lines(*each)), ending]

    def as_dict(self) -> dict[str, Any]:
        """The same for machines; times in ISO 8601 and UTC, lengths of time in seconds."""
        stats = self.stats
        return {
            "outcome": OUTCOMES[self.exit_code],
            "exit_code": self.exit_code,
            "started_at": to_iso(self.started_at),
            "ended_at": to_iso(self.ended_at),
            "destination": self.destination,
            "dataset": self.dataset,
            "account": self.account,
            "load_ids": list(self.load_ids),
            "views": list(self.views),
            "operations": stats.operations,
            "requests": stats.requests,
            "retries": stats.retries,
            "waited_seconds": round(stats.waited_seconds, 3),
            "channels": channels_as_dict(stats),
        }


@dataclass(frozen=True, slots=True)
class FetchSummary:
    """What became of ids that were asked for."""

    found: Mapping[str, str]
    """The channel of each id that was loaded."""
    unknown: Sequence[str]
    failures: Mapping[str, str]

    @property
    def exit_code(self) -> int:
        """0 if all were loaded, 1 if none was, else 3."""
        if not self.unknown and not self.failures:
            return COMPLETE
        return INCOMPLETE if self.found else FAILED


def _requests(stats: RunStats) -> str:
    """The requests; the waits are those of all requests, of which many may wait at once."""
    retries = f" ({counted(stats.retries, 'retry', 'retries')})" if stats.retries else ""
    waited = f"{stats.waited_seconds:,.1f}"
    waits = "" if waited == "0.0" else f"; requests waited {waited} s in all"
    return f"{counted(stats.requests, 'request')}{retries}{waits}"


def _lines(name: str, record: ChannelStats) -> Iterator[str]:
    number, noun = counted(record.operations, "operation").split()
    yield f"{name:<20}{number:>10} {noun:<10}  {counted(record.pages, 'page'):>12}"
    yield from (f"    {remark}" for remark in _remarks(name, record))


def _details_remarks(details: DetailsStats) -> list[str]:
    """What was read behind the counters, what was not, and why."""
    remarks = []
    if details.operations:
        parts = [counted(details.resources, "resource")] if details.resources else []
        parts += [f"{details.attempts:,} with attempts"] if details.attempts else []
        remarks.append(
            f"details of {counted(details.operations, 'operation')}"
            + (f": {', '.join(parts)}" if parts else "")
        )
    if details.waiting:
        remarks.append(
            f"details of {counted(details.waiting, 'operation')} wait for the next run, since "
            "details_requests allows no more requests in this one"
        )
    if details.expired:
        remarks.append(
            f"details of {counted(details.expired, 'operation')} expired before they were read; "
            "raise details_requests, or run more often"
        )
    if details.rejected:
        remarks.append(f"{counted(details.rejected, 'resource')} could not be read")
    remarks += [f"details ({kind}): {why}" for kind, why in details.unavailable.items()]
    remarks += [f"details of {each} not read: {why}" for each, why in details.failures.items()]
    if details.new_fields:
        remarks.append(f"new fields of resources: {', '.join(sorted(details.new_fields))}")
    return remarks


def _remarks(name: str, record: ChannelStats) -> list[str]:
    remarks = [f"refused: {record.refused.removeprefix(f'{name}: ')}"] if record.refused else []
    remarks += [f"not read {failure.span}: {failure.message}" for failure in record.failures]
    remarks += [f"gap: {gap} expired before it was fully read" for gap in record.gaps]
    remarks += [
        f"rows missing: {span} was loaded, is gone from the table, and has expired"
        for span in record.unrecoverable_rows
    ]
    if record.windows_missing_rows:
        short = counted(record.windows_missing_rows, "window")
        remarks.append(f"{short} lacked rows that had been loaded; what is lacking is read again")
    remarks += [f"not asked for by id {each}: {why}" for each, why in record.unfollowed.items()]
    if record.followed:
        followed = counted(record.followed, "open operation")
        remarks.append(f"{followed} requested by id, {record.not_found:,} not found")
    if new := record.rejected - record.rejected_before:
        remarks.append(
            f"{counted(new, 'row')} could not be read, see comms rejected "
            "(table rejected_operations)"
        )
    if record.rejected_before:
        known = counted(record.rejected_before, "row is", "rows are")
        remarks.append(f"{known} still unreadable, as in an earlier run")
    if record.outside:
        rows = counted(record.outside, "row")
        remarks.append(f"{rows} left out: the API ignores the date filter, startDate and endDate")
    for what, names in (
        ("counters, now columns", record.new_counters),
        ("fields, kept in extra", record.new_fields),
        ("statuses", record.new_statuses),
    ):
        if names:
            remarks.append(f"new {what}: {', '.join(sorted(names))}")
    return remarks + _details_remarks(record.details)
