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

from comms_source.errors import COMPLETE, FAILED, INCOMPLETE
from comms_source.extract.run_stats import ChannelStats, RunStats
from comms_source.extract.session import Session
from comms_source.tables.bookkeeping import RUNS

_CONCLUDE: Final = "update {table} set outcome = %s, ended_at = %s where run_id = %s"

OUTCOMES: Final = {COMPLETE: "complete", FAILED: "failed", INCOMPLETE: "incomplete"}


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
        outcome = OUTCOMES[self.session.stats.exit_code]
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
        code = FAILED if error else INCOMPLETE if stopped else stats.exit_code
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
            "scans": sum(record.scans for record in records),
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
    stats = RunStats(msgspec.json.decode(row["channels"], type=dict[str, ChannelStats]))
    return {**row, "outcome": OUTCOMES[stats.exit_code]}


def channels_as_dict(stats: RunStats) -> dict[str, Any]:
    """What a run did on each channel, for machines."""
    return {name: record.as_dict() for name, record in stats.channels.items()}
