"""One life of a warehouse: the same runs against the same sandbox, wherever they load to.

What the warehouse then holds and tells is kept after each stage. None of it may depend on the
destination, but for the columns that name a load.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import dlt

from comms_source.channels import CHANNELS
from comms_source.commands.load import run_load
from comms_source.commands.plan import plan_load
from comms_source.commands.status import read_status
from comms_source.destinations.crash_recovery import finish_pending
from comms_source.destinations.pipeline import open_pipeline
from comms_source.report.as_json import as_dict
from comms_source.report.data.read import read_facts
from comms_source.sandbox import Clock, Fault, Sandbox, SandboxSettings
from comms_source.tables.bookkeeping import RECORDS
from comms_source.timespans import to_iso
from comms_source.views.create import create_views, viewing
from comms_source.views.files import public_views
from comms_source.views.settings import ViewSettings
from tests.destinations.places import Place
from tests.support import NOW, session_for, settings_for, true

Row = dict[str, Any]
Tables = dict[str, list[Row]]

DAY: Final = timedelta(days=1)
OPERATIONS: Final = tuple(channel.table for channel in CHANNELS.values())
HISTORIES: Final = tuple(channel.history_table for channel in CHANNELS.values())
TABLES: Final = (*OPERATIONS, *HISTORIES, *(record.table for record in RECORDS))
OF_ONE_LOAD: Final = {"_dlt_load_id", "_dlt_id", "run_id", "waited_seconds"}
"""Columns that differ from life to life."""


@dataclass(kw_only=True)
class Life:
    """What a life has left behind."""

    stages: dict[str, Tables] = field(default_factory=dict)
    """The tables after each stage."""
    exits: dict[str, int] = field(default_factory=dict)
    """With which code each stage ended."""
    truth: dict[str, dict[str, tuple[Any, ...]]] = field(default_factory=dict)
    """What the sandbox knew at the last stage, by channel and id."""
    views: Tables = field(default_factory=dict)
    status: Any = None
    plan: Any = None
    report: Any = None


def lived(place: Place) -> Life:
    """Live a whole life in the destination that is set up."""
    life = Life()
    settings = SandboxSettings(operations_per_week=200)
    with Sandbox(settings, Clock(NOW)) as sandbox:
        for stage, live in STAGES.items():
            live_on = live(sandbox, place)
            life.exits[stage] = live_on
            life.stages[stage] = tables(pipeline_of(place))
        life.truth = {channel: true(sandbox, channel) for channel in CHANNELS}
        _ask_all(life, place, sandbox)
    return life


def pipeline_of(place: Place) -> dlt.Pipeline:
    """The pipeline of the commands."""
    return open_pipeline(destination=place.destination)


Stage = Callable[[Sandbox, Place], int]


def _load(sandbox: Sandbox, place: Place) -> int:
    session = session_for(sandbox, refresh="full")
    return run_load(session=session, pipeline=pipeline_of(place)).exit_code


def _later(sandbox: Sandbox, place: Place) -> int:
    """A day later, the API has a new counter, and some of its rows cannot be read."""
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
    """A run is killed between a load job and the note of it; what it had read is then loaded."""
    sandbox.clock.advance(DAY)
    script = [sys.executable, "-m", "tests.destinations.dying", place.destination, sandbox.url]
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))  # noqa: PTH120
    given = {**os.environ, "PYTHONPATH": root}
    now = to_iso(sandbox.clock.now())
    killed = subprocess.run(
        [*script, now], env=given, capture_output=True, timeout=300, check=False
    )
    assert killed.returncode == -9, killed.stderr.decode()
    finish_pending(pipeline_of(place))
    return 0


STAGES: Final[Mapping[str, Stage]] = {
    "first": _load,
    "again": _load,
    "later": _later,
    "after an outage": _after_an_outage,
    "killed": _killed,
    "last": _load,
}


def tables(pipeline: dlt.Pipeline, names: Sequence[str] = TABLES) -> Tables:
    """What the tables hold."""
    with pipeline.sql_client() as client:
        return {name: list(_rows(client, name)) for name in names}


def _ask_all(life: Life, place: Place, sandbox: Sandbox) -> None:
    pipeline, now = pipeline_of(place), sandbox.clock.now()
    told = ViewSettings(now=now)
    if not place.is_lake:
        create_views(pipeline, settings=told)
    with viewing(pipeline, settings=told) as client:
        life.views = {view.name: list(_rows(client, view.name)) for view in public_views()}
    settings = settings_for(sandbox)
    status = read_status(settings=settings, pipeline=pipeline, now=now).as_dict()
    life.status = {key: told for key, told in status.items() if key != "destination"}
    plans = plan_load(settings=settings, pipeline=pipeline, now=now + timedelta(hours=5))
    life.plan = [plan.as_dict() for plan in plans]
    report = as_dict(read_facts(pipeline, settings=told, now=now))
    life.report = plain({key: told for key, told in report.items() if key != "destination"})


def _rows(client: Any, name: str) -> Iterator[Row]:
    query = f"select * from {client.make_qualified_table_name(name)}"
    with client.execute_query(query) as cursor:
        columns = [column[0] for column in cursor.description]
        found = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    kept = [{key: plain(row[key]) for key in sorted(row.keys() - OF_ONE_LOAD)} for row in found]
    yield from sorted(kept, key=repr)


def plain(value: Any) -> Any:
    """A value as every destination tells it: instants in UTC, one kind of number."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float | Decimal):
        return int(value) if value == int(value) else float(f"{float(value):.9g}")
    return value
