"""One scenario: the same runs with the same sandbox, into any destination.

The contents of the warehouse are kept after each stage. They must not depend on the destination,
except for the columns that identify a load.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import dlt
import pytest

from comms_source.channels import CHANNELS
from comms_source.commands.load import run_load
from comms_source.commands.plan import plan_load
from comms_source.commands.status import read_status
from comms_source.destinations.crash_recovery import finish_pending
from comms_source.destinations.pipeline import open_pipeline
from comms_source.errors import ConfigurationError
from comms_source.report.as_json import as_dict
from comms_source.report.data.read import read_facts
from comms_source.sandbox import Clock, Fault, Sandbox, SandboxSettings
from comms_source.tables.bookkeeping import BOOKKEEPING
from comms_source.tables.detail_tables import DETAIL_TABLES
from comms_source.timespans import parse_instant, to_iso
from comms_source.views.create import create_views, view_client
from comms_source.views.files import public_views
from comms_source.views.settings import ViewSettings
from tests.destinations.places import Place
from tests.support import NOW, session_for, settings_for, true

Row = dict[str, Any]
Tables = dict[str, list[Row]]

DAY: Final = timedelta(days=1)
OPERATIONS: Final = tuple(channel.table for channel in CHANNELS.values())
HISTORIES: Final = tuple(channel.history_table for channel in CHANNELS.values())
TABLES: Final = (*OPERATIONS, *HISTORIES, *(record.name for record in BOOKKEEPING))
DETAILS: Final = tuple(spec.name for spec in DETAIL_TABLES)
WITH_DETAILS: Final = ("details", "more details")
"""The stages after which there are tables of details."""
OF_ONE_LOAD: Final = {"_dlt_load_id", "_dlt_id", "run_id", "waited_seconds"}
"""Columns that differ between runs of the scenario."""
LOCATION: Final = {"destination", "pipelines_dir"}
"""Keys of status and report that name the location of a run."""


@dataclass(kw_only=True)
class Results:
    """The results of a scenario."""

    stages: dict[str, Tables] = field(default_factory=dict)
    """The tables after each stage."""
    exits: dict[str, int] = field(default_factory=dict)
    """The exit code of each stage."""
    truth: dict[str, dict[str, tuple[Any, ...]]] = field(default_factory=dict)
    """The sandbox's data at the last stage, by channel and id."""
    views: Tables = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    """Where the views are not written for the destination: why it has no views and no report."""
    status: Any = None
    plan: Any = None
    report: Any = None


def run_scenario(place: Place) -> Results:
    """Run the scenario in the configured destination."""
    results = Results()
    settings = SandboxSettings(operations_per_week=200)
    with Sandbox(settings, Clock(NOW)) as sandbox:
        for stage, stage_run in STAGES.items():
            exit_code = stage_run(sandbox, place)
            results.exits[stage] = exit_code
            detailed = DETAILS if stage in WITH_DETAILS else ()
            results.stages[stage] = tables(pipeline_of(place), (*TABLES, *detailed))
        results.truth = {channel: true(sandbox, channel) for channel in CHANNELS}
        read_outputs(results, place, sandbox)
    return results


def pipeline_of(place: Place) -> dlt.Pipeline:
    """The pipeline of the commands."""
    return open_pipeline(destination=place.destination)


Stage = Callable[[Sandbox, Place], int]


def _load(sandbox: Sandbox, place: Place) -> int:
    session = session_for(sandbox, refresh="full")
    return run_load(session=session, pipeline=pipeline_of(place)).exit_code


def _later(sandbox: Sandbox, place: Place) -> int:
    """A day later, with a new counter, and rows that cannot be read."""
    sandbox.clock.advance(DAY)
    new = Fault(kind="new_counter", channel="emails", rows=7)
    bad = Fault(kind="row_without_id", channel="messages", rows=50)
    sandbox.faults.replace([new, bad])
    return _load(sandbox, place)


def _after_an_outage(sandbox: Sandbox, place: Place) -> int:
    sandbox.faults.replace([])
    sandbox.clock.advance(9 * DAY)
    return _load(sandbox, place)


def _killed(sandbox: Sandbox, place: Place) -> int:
    """A run is killed between a load job and its record; then its packages are loaded."""
    sandbox.clock.advance(DAY)
    script = [sys.executable, "-m", "tests.destinations.killed", place.name, sandbox.url]
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))  # noqa: PTH120
    environment = {**os.environ, "PYTHONPATH": root}
    now = to_iso(sandbox.clock.now())
    killed = subprocess.run(
        [*script, now], env=environment, capture_output=True, timeout=300, check=False
    )
    assert killed.returncode == -9, killed.stderr.decode()
    finish_pending(pipeline_of(place))
    return 0


def _details(sandbox: Sandbox, place: Place) -> int:
    """Some of the details, as many as the budget allows."""
    kinds = ["tags", "resources", "errors"]
    session = session_for(sandbox, details=kinds, details_requests=40, pii="hash", pii_key="key")
    return run_load(session=session, pipeline=pipeline_of(place)).exit_code


STAGES: Final[Mapping[str, Stage]] = {
    "first": _load,
    "again": _load,
    "later": _later,
    "after an outage": _after_an_outage,
    "killed": _killed,
    "last": _load,
    "details": _details,
    "more details": _details,
}


def tables(pipeline: dlt.Pipeline, names: Sequence[str] = TABLES) -> Tables:
    """The rows of the tables."""
    with pipeline.sql_client() as client:
        return {name: list(rows_of(client, name, _instants(pipeline, name))) for name in names}


def _instants(pipeline: dlt.Pipeline, table: str) -> frozenset[str]:
    """The columns of a table that hold instants; SQLite returns them as texts."""
    columns = pipeline.default_schema.get_table_columns(table)
    return frozenset(
        name for name, column in columns.items() if column.get("data_type") == "timestamp"
    )


def read_outputs(results: Results, place: Place, sandbox: Sandbox) -> None:
    """Read the views, the report, `status` and `plan`."""
    pipeline, now = pipeline_of(place), sandbox.clock.now()
    if place.has_views:
        _read_views(results, place, now)
    else:
        results.refusals = _refused(pipeline, ViewSettings(now=now))
    settings = settings_for(sandbox)
    status = read_status(settings=settings, pipeline=pipeline, now=now).as_dict()
    results.status = {key: value for key, value in status.items() if key not in LOCATION}
    plans = plan_load(settings=settings, pipeline=pipeline, now=now + timedelta(hours=5))
    results.plan = [plan.as_dict() for plan in plans]


def _read_views(results: Results, place: Place, now: datetime) -> None:
    pipeline, view_settings = pipeline_of(place), ViewSettings(now=now)
    if not place.is_lake:
        create_views(pipeline, settings=view_settings)
    with view_client(pipeline, settings=view_settings) as client:
        results.views = {view.name: list(rows_of(client, view.name)) for view in public_views()}
    report = as_dict(read_facts(pipeline, settings=view_settings, now=now))
    results.report = plain({key: value for key, value in report.items() if key not in LOCATION})


def _refused(pipeline: dlt.Pipeline, view_settings: ViewSettings) -> list[str]:
    with pytest.raises(ConfigurationError) as views:
        create_views(pipeline, settings=view_settings)
    with pytest.raises(ConfigurationError) as report, view_client(pipeline, settings=view_settings):
        pass
    return [str(views.value), str(report.value)]


def rows_of(client: Any, name: str, instants: Collection[str] = ()) -> Iterator[Row]:
    """The rows of a table or view, sorted, without the columns of one load."""
    query = f"select * from {client.make_qualified_table_name(name)}"
    with client.execute_query(query) as cursor:
        columns = [name.lower() for name in cursor.columns_schema]
        found = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    for row in found:
        row.update({key: parse_instant(row[key]) for key in instants if row.get(key)})
    kept = [{key: plain(row[key]) for key in sorted(row.keys() - OF_ONE_LOAD)} for row in found]
    yield from sorted(kept, key=repr)


def plain(value: Any) -> Any:
    """A value in a common form: instants in UTC, one kind of number, and 1 for true."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool | float | Decimal):
        return int(value) if value == int(value) else float(f"{float(value):.9g}")
    return value
