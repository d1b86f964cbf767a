"""A machine with the real dlt and a real DuckDB file, which may die between any two of dlt's steps.

It works in the current folder, and dies of an exception that nothing catches: then the files are
those of a process that was killed at that point.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

import dlt
import duckdb
from dlt.common.pipeline import get_dlt_pipelines_dir
from dlt.load.load import Load

from comms_source.channels import CHANNELS
from comms_source.commands import run
from comms_source.commands import views as runs
from comms_source.commands.load import run_load
from comms_source.coverage.channel_coverage import ChannelCoverage
from comms_source.destinations.pipeline import open_pipeline
from comms_source.destinations.stored_coverage import stored_coverage
from comms_source.errors import RunStopped
from comms_source.extract.details_run import PACKAGE_ROWS
from comms_source.extract.session import Session
from comms_source.tables.detail_tables import DETAILS
from comms_source.tables.history import ROW_VERSION, VALID_FROM, VALID_TO
from comms_source.tables.specs import LOAD_ID
from tests.simulation.machines import HISTORY, KEPT, RESOURCES
from tests.simulation.world import CHANNEL, Crash
from tests.support import FILE

STEPS = (
    (dlt.Pipeline, "extract"),
    (dlt.Pipeline, "normalize"),
    (dlt.Pipeline, "load"),
    (Load, "start_new_jobs"),
    (Load, "complete_package"),
)
"""The machine may die before and after each of them."""

COPY = "backup.duckdb"

START_JOBS = Load.start_new_jobs
"""Only the first call for a package counts: the number of calls depends on the duration of jobs,
but a simulation must not."""

KNOWN = {
    CHANNEL: (CHANNELS[CHANNEL].table, KEPT),
    HISTORY: (CHANNELS[CHANNEL].history_table, (*KEPT, ROW_VERSION, VALID_FROM, VALID_TO)),
    RESOURCES: (CHANNELS[CHANNEL].resource_table, ("*",)),
}
"""The tables of the channel, and the columns to check."""


class Death(BaseException):
    """Not an `Exception`, so that nothing handles it."""


class DltMachine:
    """Like `MemoryMachine`, with the real dlt and DuckDB."""

    def __init__(self, chance: random.Random) -> None:
        """Create a machine; the warehouse is a file in the current folder."""
        self._chance = chance
        self._started = set[str]()
        self.dies = 0.0
        self.unloadable = self.fails = self.hazard = (
            0.0  # ignored: this warehouse accepts everything
        )
        self.package = PACKAGE_ROWS
        # It dies before a package's first job or after its last, so none is partly loaded.
        self.torn: Mapping[str, datetime] = {}

    def run(self, session: Session) -> bool:
        """Returns whether a run read all that was due; raises `Crash` if it dies."""
        self._started.clear()
        try:
            with self._mortal():
                summary = run_load(session=session, pipeline=open_pipeline())
        except Death:
            raise Crash from None
        except RunStopped as stopped:
            raise _crash_behind(stopped) from None
        return summary.stats.channels[CHANNEL].read_all

    def move(self) -> None:
        """Continue on another machine: only the DuckDB file is kept."""
        shutil.rmtree(get_dlt_pipelines_dir(), ignore_errors=True)

    def back_up(self) -> None:
        """Keep a copy of the file, instead of an earlier one."""
        if Path(FILE).exists():
            shutil.copy(FILE, COPY)

    def restore(self) -> bool:
        """Restore the file from the copy; False if there is none."""
        if not Path(COPY).exists():
            return False
        shutil.copy(COPY, FILE)
        return True

    def coverage(self) -> ChannelCoverage:
        """The coverage in the warehouse."""
        if not Path(FILE).exists():
            return ChannelCoverage()
        channels = [CHANNELS[CHANNEL]]
        return stored_coverage(open_pipeline(), channels=channels, account="default")[CHANNEL]

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table; `CHANNEL`, `HISTORY` and `RESOURCES` are those of the channel."""
        name, columns = KNOWN.get(table, (table, ("*",)))
        if not Path(FILE).exists():
            return []
        with duckdb.connect(FILE, read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            try:
                found = connection.sql(
                    f"select {', '.join(columns)} from comms.{name}"
                ).to_arrow_table()
            except duckdb.CatalogException:
                return []
        rows: list[dict[str, Any]] = found.to_pylist()
        return rows

    def details_read(self) -> list[dict[str, Any]]:
        """The rows of `operation_details`, of packages that were loaded whole."""
        whole = {row["load_id"] for row in self.rows("_dlt_loads") if not row["status"]}
        return [row for row in self.rows(DETAILS.name) if row[LOAD_ID.name] in whole]

    @contextmanager
    def _mortal(self) -> Iterator[None]:
        with ExitStack() as patches:
            # Views take as long as the rest of a small run, and no law is about them.
            patches.enter_context(mock.patch.object(runs, "refresh_views", return_value=[]))
            patches.enter_context(mock.patch.object(run, "PACKAGE_ROWS", self.package))
            for kind, name in STEPS:
                stepping = self._step(getattr(kind, name))
                patches.enter_context(mock.patch.object(kind, name, stepping))
            yield

    def _step(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*arguments: Any, **named: Any) -> Any:
            mortal = method is not START_JOBS or self._starts(*arguments)
            self._maybe_die(mortal)
            result = method(*arguments, **named)
            self._maybe_die(mortal)
            return result

        return stepping

    def _starts(self, _: Load, load_id: str, *__: object) -> bool:
        first = load_id not in self._started
        self._started.add(load_id)
        return first

    def _maybe_die(self, mortal: bool) -> None:
        if mortal and self._chance.random() < self.dies:
            raise Death


def _crash_behind(error: BaseException) -> BaseException:
    """The crash that dlt and this project have wrapped, else the error itself."""
    behind, seen = [error], set[int]()
    while behind:
        one = behind.pop()
        if isinstance(one, Crash):
            return one
        if id(one) not in seen:
            seen.add(id(one))
            behind += [link for link in (one.__cause__, one.__context__) if link]
    return error
