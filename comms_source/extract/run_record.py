"""The run's own row in the table `runs`.

It is in each load package of the run, so it is committed together with what it is about. It says
`running` until the last package is loaded whole; `conclude` sets the outcome then. Where single
rows cannot be changed, in a lake, the last package brings the outcome with it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final

import msgspec

from comms_source.exit_codes import COMPLETE, FAILED, INCOMPLETE
from comms_source.extract.run_stats import ChannelStats, RunStats
from comms_source.extract.session import Session
from comms_source.tables.bookkeeping import RUNS
from comms_source.timespans import Span, to_iso

_CONCLUDE: Final = "update {table} set outcome = %s, ended_at = %s where run_id = %s"

OUTCOMES: Final = {COMPLETE: "complete", FAILED: "failed", INCOMPLETE: "incomplete"}


def exit_code_of(stats: RunStats) -> int:
    """0 if all was read, 1 if not one scan could be finished, 3 if something is missing."""
    if stats.fruitless:
        return FAILED
    return COMPLETE if stats.complete else INCOMPLETE


@dataclass(slots=True)
class RunRecord:
    """One run, and its row."""

    session: Session
    command: str
    concludes: bool = False
    """Whether `conclude` is called once the last package is loaded."""
    died: Sequence[Mapping[str, Any]] = ()
    """Rows of earlier runs that died, with the outcome that they came to; loaded with this run's
    own."""
    run_id: str = field(default_factory=lambda: secrets.token_hex(8))

    def conclude(self, client: Any) -> None:
        """Set the outcome in the run's row, now that all is loaded."""
        outcome = OUTCOMES[exit_code_of(self.session.stats)]
        table = client.make_qualified_table_name(RUNS.name)
        values = (outcome, self.session.clock(), self.run_id)
        client.execute_sql(_CONCLUDE.format(table=table), *values)

    def conclude_failed(self, client: Any, *, error: str, load_id: str) -> None:
        """Write the row of a run whose load failed; `error` is the name of what ended it.

        The package `load_id` brings the row too, but the job that does may not have had its turn.
        """
        row = self.row(error=error) | {"_dlt_load_id": load_id}
        table = client.make_qualified_table_name(RUNS.name)
        columns = ", ".join(map(client.escape_column_name, row))
        places = ", ".join("%s" for _ in row)
        client.execute_sql(f"delete from {table} where run_id = %s", self.run_id)  # noqa: S608
        insert = f"insert into {table} ({columns}) values ({places})"  # noqa: S608
        client.execute_sql(insert, *row.values())

    def row(
        self, *, running: bool = False, stopped: bool = False, error: str | None = None
    ) -> dict[str, Any]:
        """The row as it is now.

        Args:
            running: Whether the run goes on in another load package.
            stopped: Whether it was ended before all was read.
            error: The name of the error that ended the run.
        """
        stats = self.session.stats
        records = stats.channels.values()
        code = FAILED if error else INCOMPLETE if stopped else exit_code_of(stats)
        outcome = OUTCOMES[code]
        return {
            "run_id": self.run_id,
            "command": self.command,
            "account": self.session.settings.account,
            "started_at": self.session.now,
            "ended_at": None if running else self.session.clock(),
            "outcome": "running" if running or (self.concludes and not error) else outcome,
            "error": error,
            "requests": stats.requests,
            "retries": stats.retries,
            "waited_seconds": round(stats.waited_seconds, 3),
            "operations": stats.operations,
            "rejected": sum(record.rejected for record in records),
            "scans": sum(record.scans_planned for record in records),
            "scans_failed": sum(len(record.failures) for record in records),
            "gaps": sum(len(record.gaps) + len(record.unrecoverable_rows) for record in records),
            "channels": msgspec.json.encode(channels_as_dict(stats)).decode(),
            "version": version("comms-source"),
        }


def settled(row: Mapping[str, Any], *, is_loaded: bool) -> dict[str, Any]:
    """The row of a run that died, with the outcome that it came to.

    Where its last package was loaded whole after all, that is what its reading came to.
    """
    if not (is_loaded and row["ended_at"]):
        return {**row, "outcome": "interrupted"}
    channels = msgspec.json.decode(row["channels"], type=dict[str, dict[str, Any]]).values()
    done = any(channel["scans_done"] for channel in channels)
    complete = all(channel["complete"] for channel in channels)
    code = FAILED if row["scans"] and not done else COMPLETE if complete else INCOMPLETE
    return {**row, "outcome": OUTCOMES[code]}


def channels_as_dict(stats: RunStats) -> dict[str, Any]:
    """What a run did on each channel, for machines; times in ISO 8601 and UTC."""
    return {name: _channel(record) for name, record in stats.channels.items()}


def _channel(record: ChannelStats) -> dict[str, Any]:
    return {
        "complete": record.complete,
        "operations": record.operations,
        "rejected": record.rejected,
        "requests": record.requests,
        "pages": record.pages,
        "scans": record.scans_planned,
        "scans_done": record.scans_done,
        "refused": record.refused,
        "failures": [
            {**_span(failure.span), "error": failure.error, "message": failure.message}
            for failure in record.failures
        ],
        "gaps": [_span(gap) for gap in record.gaps],
        "windows_missing_rows": record.windows_missing_rows,
        "unrecoverable_rows": [_span(span) for span in record.unrecoverable_rows],
        "followed": record.followed,
        "not_found": record.not_found,
        "unfollowed": record.unfollowed,
        "new_counters": sorted(record.new_counters),
        "new_fields": sorted(record.new_fields),
        "new_statuses": sorted(record.new_statuses),
    }


def _span(span: Span) -> dict[str, str]:
    return {"start": to_iso(span.start), "end": to_iso(span.end)}
