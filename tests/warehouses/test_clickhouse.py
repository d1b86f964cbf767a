"""Loads into ClickHouse, compared with a DuckDB file: rows, histories and views.

They use dlt's own destination. The engine is a library and not a server, see `clickhouse.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import isclose
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from comms_source.channels import CHANNELS, Channel
from comms_source.cli.app import app
from comms_source.commands.load import run_load
from comms_source.commands.summary import RunSummary
from comms_source.commands.views import run_views
from comms_source.destinations.pipeline import open_pipeline
from comms_source.report.findings.totals import read_figures
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Fault, Sandbox
from comms_source.tables.detail_tables import DETAIL_TABLES
from comms_source.views.create import create_views
from comms_source.views.files import detail_view_names, read_views
from comms_source.views.settings import ViewSettings
from tests.support import columns_of, last_second, load, session_for, true
from tests.views.expectations import EXPECTED, by_key
from tests.views.view_tables import (
    DEFAULTS,
    NOW,
    Record,
    put_rows,
    records,
    table_schemas,
    warehouse,
)
from tests.views.view_worlds import Chance, put_world, random_world
from tests.warehouses.clickhouse import DATABASE, ClickHouse, clickhouse_in_process

PER_CHANNEL: Final = tuple(CHANNELS.values())
TABLES: Final = f"{DATABASE}.comms___"


@pytest.fixture
def clickhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClickHouse]:
    """An empty ClickHouse that dlt's `clickhouse` destination loads into."""
    with clickhouse_in_process(tmp_path / "clickhouse", monkeypatch) as engine:
        yield engine


def load_there(sandbox: Sandbox, **changes: Any) -> RunSummary:
    """One run of `comms load` into ClickHouse."""
    return run_load(
        session=session_for(sandbox, **changes), pipeline=open_pipeline(destination="clickhouse")
    )


def stored_there(clickhouse: ClickHouse, channel: Channel) -> dict[str, tuple[Any, ...]]:
    """The rows of a channel's table, by id."""
    columns = ", ".join(columns_of(channel.name))
    found = clickhouse.rows(f"select id, {columns} from {TABLES}{channel.table}")
    rows = {row.pop("id"): tuple(row.values()) for row in found}
    assert len(rows) == len(found)
    return rows


def states_there(clickhouse: ClickHouse, channel: Channel) -> dict[str, list[tuple[Any, ...]]]:
    """The versions, starts and ends of each operation's states, by id and in order."""
    states: dict[str, list[tuple[Any, ...]]] = {}
    query = f"select id, row_version, valid_from, valid_to from {TABLES}{channel.history_table}"
    for row in clickhouse.rows(f"{query} order by valid_from"):
        states.setdefault(row.pop("id"), []).append(tuple(row.values()))
    return states


def counted(clickhouse: ClickHouse, table: str) -> int:
    """The number of rows of a table."""
    return int(clickhouse.rows(f"select count() as n from {TABLES}{table}")[0]["n"])


def test_tables_and_histories_are_correct_after_each_load(
    sandbox: Sandbox, clickhouse: ClickHouse
) -> None:
    """Reading unchanged rows again changes nothing; a new state adjoins the state before."""
    assert load_there(sandbox).exit_code == 0
    first = {channel.name: states_there(clickhouse, channel) for channel in PER_CHANNEL}
    load_there(sandbox, refresh="full")
    for channel in PER_CHANNEL:
        assert stored_there(clickhouse, channel) == true(sandbox, channel.name)
        assert states_there(clickhouse, channel) == first[channel.name]

    sandbox.clock.set(sandbox.clock.now() + timedelta(hours=3))
    assert load_there(sandbox, refresh="full").exit_code == 0
    changed = 0
    for channel in PER_CHANNEL:
        now, there = true(sandbox, channel.name), stored_there(clickhouse, channel)
        assert {name: there[name] for name in now} == now
        histories = states_there(clickhouse, channel)
        changed += sum(len(histories[name]) > 1 for name in first[channel.name])
        for states in histories.values():
            assert states[-1][-1] is None
            assert all(end == begin for (_, _, end), (_, begin, _) in pairwise(states))
    assert changed > 0


def test_a_second_run_reads_only_what_is_due(sandbox: Sandbox, clickhouse: ClickHouse) -> None:
    """The coverage is restored from the destination, not only from this machine's folder."""
    first = load_there(sandbox)
    windows = counted(clickhouse, "coverage")
    sandbox.clock.set(sandbox.clock.now() + timedelta(minutes=5))
    second = load_there(sandbox)
    assert second.stats.requests <= first.stats.requests
    assert second.stats.operations < first.stats.operations / 2
    assert counted(clickhouse, "coverage") == windows
    assert counted(clickhouse, "runs") == 2


def test_days_without_a_run_leave_gaps(sandbox: Sandbox, clickhouse: ClickHouse) -> None:
    """One gap per channel, found once."""
    load_there(sandbox)
    sandbox.clock.set(sandbox.clock.now() + timedelta(days=11))
    assert load_there(sandbox).exit_code == 3
    assert counted(clickhouse, "gaps") == len(PER_CHANNEL)
    assert load_there(sandbox).exit_code == 0
    assert counted(clickhouse, "gaps") == len(PER_CHANNEL)


def test_a_new_counter_becomes_a_column(sandbox: Sandbox, clickhouse: ClickHouse) -> None:
    """In the channel's table and in its history; rows from before have NULL, and no new state."""
    channel = CHANNELS["emails"]
    load_there(sandbox)
    before = states_there(clickhouse, channel)
    sandbox.faults.replace([Fault(kind="new_counter", channel="emails", rows=7)])
    summary = load_there(sandbox, refresh="full")
    (name,) = summary.stats.channels["emails"].new_counters
    for table in (channel.table, channel.history_table):
        query = f"select countIf({name} is not null) as n, count() as all from {TABLES}{table}"
        (row,) = clickhouse.rows(query)
        assert 0 < row["n"] < row["all"]
    after = states_there(clickhouse, channel)
    assert after.keys() == before.keys()
    assert 0 < sum(len(states) > 1 for states in after.values()) < len(after)


def test_rejected_rows_are_kept(sandbox: Sandbox, clickhouse: ClickHouse) -> None:
    """Exactly as received, and each one once."""
    sandbox.faults.replace([Fault(kind="row_without_created_at", channel="emails", rows=7)])
    summary = load_there(sandbox)
    assert summary.exit_code == 3
    kept = counted(clickhouse, "rejected_operations")
    assert kept == summary.stats.channels["emails"].rejected > 0
    (row,) = clickhouse.rows(
        f"select countIf(raw like '{{%') as whole from {TABLES}rejected_operations"
    )
    assert row["whole"] == kept


def test_views_are_created_once(sandbox: Sandbox, clickhouse: ClickHouse) -> None:
    """With the same prefix as dlt's tables; the next run does not create them again."""
    names = [view.name for view in read_views()]
    assert load_there(sandbox).views == names
    created = _view_ids(clickhouse)
    assert created.keys() == {f"comms___{name}" for name in names}
    assert load_there(sandbox).views == names
    assert _view_ids(clickhouse) == created
    assert run_views(open_pipeline(destination="clickhouse")) == names
    assert _view_ids(clickhouse) != created


def _view_ids(clickhouse: ClickHouse) -> dict[str, Any]:
    query = "select name, toString(uuid) as id from system.tables where engine = 'View'"
    return {
        row["name"]: row["id"] for row in clickhouse.rows(f"{query} and database = '{DATABASE}'")
    }


def test_the_figures_equal_those_of_duckdb(sandbox: Sandbox, clickhouse: ClickHouse) -> None:
    """For the same account, loaded at the same time."""
    load(sandbox)
    load_there(sandbox)
    figures = read_figures(open_pipeline(destination="clickhouse"))
    assert figures == read_figures(open_pipeline())
    operations = sum(each.operations for each in figures.values())
    assert operations == counted(clickhouse, "operations") == 900


@pytest.mark.usefixtures("clickhouse")
def test_every_command_works(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Including the commands that read the warehouse."""
    sandbox.clock.set(last_second())
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__BASE_URL", sandbox.url)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_ID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
    monkeypatch.setenv("DESTINATION_TYPE", "clickhouse")
    for command in ("check", "load", "load", "plan", "status", "report", "views", "load --full"):
        done = CliRunner().invoke(app, command.split(), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert "Traceback" not in done.output


KEYS: Final = {
    **{view: key for view, (key, _) in EXPECTED.items() if view not in detail_view_names()},
    "view_settings": ("setting",),
}
"""The key columns of each view; these datasets have no details."""

BERLIN: Final = ViewSettings(now=NOW, time_zone="Europe/Berlin")


def test_views_have_the_rows_of_duckdb(
    sandbox: Sandbox, clickhouse: ClickHouse, tmp_path: Path
) -> None:
    """For random data with all special cases, column by column, in UTC and another zone."""
    with warehouse() as db:
        put_world(db, random_world(Chance(15), 300))
        tables = table_schemas().keys() - {spec.name for spec in DETAIL_TABLES}
        rows = {name: records(db, f"select * from comms.{name}") for name in tables}
    load_there(sandbox)
    for table, mine in rows.items():
        _replace(clickhouse, table, mine, tmp_path / f"{table}.parquet")
    for settings in (DEFAULTS, BERLIN):
        with warehouse(settings=settings) as db:
            for table, mine in rows.items():
                put_rows(db, table, mine)
            expected = {view: records(db, f"select * from comms.{view}") for view in KEYS}
        create_views(open_pipeline(destination="clickhouse"), settings=settings)
        for view, key in KEYS.items():
            found = [_as_elsewhere(row) for row in clickhouse.rows(f"select * from {TABLES}{view}")]
            right = [_as_elsewhere(row) for row in expected[view]]
            differing = unlike(by_key(found, key), by_key(right, key))
            # There are tables of details in the DuckDB file, and none in ClickHouse.
            differing.pop(("details",), None)
            assert differing == {}, view


def _replace(clickhouse: ClickHouse, table: str, rows: list[Record], file: Path) -> None:
    schema = table_schemas()[table]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)
    clickhouse.execute(f"truncate table {TABLES}{table}")
    columns = ", ".join(schema.names)
    clickhouse.execute(
        f"insert into {TABLES}{table} ({columns}) select {columns} from file('{file}', 'Parquet')"
    )


def _as_elsewhere(row: Record) -> Record:
    """The row with times in UTC, because ClickHouse has no times without a zone."""
    return {
        name: value.astimezone(UTC).replace(tzinfo=None)
        if isinstance(value, datetime) and value.tzinfo
        else value
        for name, value in row.items()
    }


def unlike(rows: dict[Any, Record], expected: dict[Any, Record]) -> dict[Any, Any]:
    """For each row that differs: the differing columns, with their values and expected values."""
    assert rows.keys() == expected.keys()
    found = {
        name: {column: (row[column], value) for column, value in expected[name].items()}
        for name, row in rows.items()
    }
    odd = {
        name: {column: pair for column, pair in pairs.items() if not _same(*pair)}
        for name, pairs in found.items()
    }
    return {name: pairs for name, pairs in odd.items() if pairs}


def _same(value: Any, expected: Any) -> bool:
    if isinstance(expected, float) and value is not None:
        return isclose(value, expected, rel_tol=1e-9, abs_tol=1e-9)
    return bool(value == expected)
