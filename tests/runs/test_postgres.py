"""Loads into PostgreSQL: the same rows, the same histories, the same views as in a DuckDB file."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from itertools import pairwise
from typing import Any

import dlt
import pytest

from comms_source.channels import CHANNELS, Channel
from comms_source.commands.views import run_views
from comms_source.destinations.pipeline import open_pipeline
from comms_source.report.findings.totals import read_figures
from comms_source.sandbox import Sandbox
from comms_source.views.files import read_views
from tests.cli.metric_samples import of_channels, samples
from tests.runs.on_postgres import COMMS, LOCKS, MAX_WAIT, READ, load_there, pipeline, rows
from tests.support import columns_of, load, true

pytestmark = pytest.mark.slow

PER_CHANNEL = CHANNELS.values()


def stored_there(cursor: Any, channel: Channel) -> dict[str, tuple[Any, ...]]:
    """The rows of a channel's table, by id."""
    columns = ", ".join(columns_of(channel.name))
    found = rows(cursor, f"select id, {columns} from comms.{channel.table}")
    assert len({row[0] for row in found}) == len(found)
    return {row[0]: row[1:] for row in found}


def states_there(cursor: Any, channel: Channel) -> dict[str, list[tuple[Any, ...]]]:
    """Version, beginning and end of each operation's states, by id and in order."""
    states: dict[str, list[tuple[Any, ...]]] = {}
    query = "select id, row_version, valid_from, valid_to from comms.{} order by valid_from"
    for name, *state in rows(cursor, query.format(channel.history_table)):
        states.setdefault(name, []).append(tuple(state))
    return states


def test_tables_and_histories_are_true_after_each_load(sandbox: Sandbox, cursor: Any) -> None:
    """Reading unchanged operations changes nothing; later each new state ends the previous one."""
    assert load_there(sandbox).exit_code == 0
    first = {channel.name: states_there(cursor, channel) for channel in PER_CHANNEL}
    load_there(sandbox)
    for channel in PER_CHANNEL:
        assert stored_there(cursor, channel) == true(sandbox, channel.name)
        assert states_there(cursor, channel) == first[channel.name]
        assert {len(states) for states in first[channel.name].values()} == {1}
        assert first[channel.name].keys() == true(sandbox, channel.name).keys()

    sandbox.clock.set(sandbox.clock.now() + timedelta(hours=3))
    assert load_there(sandbox, refresh="full").exit_code == 0
    changed = 0
    for channel in PER_CHANNEL:
        now, there = true(sandbox, channel.name), stored_there(cursor, channel)
        assert {name: there[name] for name in now} == now
        changed += len(adjoining(states_there(cursor, channel)) & first[channel.name].keys())
    assert changed > 0


def adjoining(histories: dict[str, list[tuple[Any, ...]]]) -> set[str]:
    """The operations with more than one state, of which each ends where the next begins."""
    for states in histories.values():
        assert [end for _, _, end in states][-1] is None
        for (former, _, end), (version, begin, _) in pairwise(states):
            assert former != version
            assert end == begin
    return {name for name, states in histories.items() if len(states) > 1}


def test_metrics_are_read_during_a_load(
    sandbox: Sandbox, cursor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process reads what is committed, and does not wait for the run that loads."""
    load_there(sandbox)
    (counted,) = rows(cursor, READ)
    scrapes: list[str] = []

    def scraped_before(load: Any) -> Any:
        def step(*given: Any, **named: Any) -> Any:
            assert rows(cursor, LOCKS) == [(1,)]  # The turn of the run that loads.
            status = ("status", "--destination", "postgres", "--openmetrics")
            done = subprocess.run(
                [sys.executable, "-c", COMMS, *status],
                capture_output=True,
                check=True,
                text=True,
                timeout=MAX_WAIT,
            )
            scrapes.append(done.stdout)
            return load(*given, **named)

        return step

    monkeypatch.setattr(dlt.Pipeline, "load", scraped_before(dlt.Pipeline.load))
    load_there(sandbox, refresh="full")

    (found,) = map(samples, scrapes)
    assert of_channels(found, "operations")["emails"] == counted[0]
    assert found["comms_status_success", ("default",)] == 1
    assert found["comms_last_run_outcome", ("default", "complete")] == 1


@pytest.mark.usefixtures("views")
def test_views_are_created_with_descriptions(sandbox: Sandbox, cursor: Any) -> None:
    """All views are in the database, with a description of each column."""
    views = read_views()
    assert load_there(sandbox).views == [view.name for view in views]
    query = """
        select relname, attname, description from pg_description
        join pg_class on objoid = pg_class.oid
        join pg_attribute on attrelid = pg_class.oid and attnum = objsubid
        where relkind = 'v' and relnamespace = 'comms'::regnamespace
    """
    described = {(view, column): said for view, column, said in rows(cursor, query)}
    expected = {(view.name, name): said for view in views for name, said in view.columns.items()}
    assert described == {column: said for column, said in expected.items() if said}


@pytest.mark.usefixtures("views")
def test_figures_equal_those_in_duckdb(sandbox: Sandbox, cursor: Any) -> None:
    """For the same account, loaded at the same time."""
    load(sandbox)
    load_there(sandbox)
    figures = read_figures(pipeline())
    assert figures == read_figures(open_pipeline())
    assert {name: each.operations for name, each in figures.items()} == {
        channel.name: count
        for channel in PER_CHANNEL
        for ((count,),) in [counted_in(cursor, channel)]
    }


def counted_in(cursor: Any, channel: Channel) -> list[tuple[Any, ...]]:
    """The number of rows in a channel's table."""
    return rows(cursor, f"select count(*) from comms.{channel.table}")


@pytest.mark.usefixtures("views")
def test_a_view_with_other_columns_is_created_again(sandbox: Sandbox, cursor: Any) -> None:
    """PostgreSQL cannot replace such a view, or drop one that others read."""
    load_there(sandbox)
    expected = rows(cursor, "select * from comms.counter_modes order by 1, 2")
    for view in reversed(read_views()):
        cursor.execute(f"drop view comms.{view.name}")
    cursor.execute("create view comms.int_operations as select 1 as one, 2 as two")
    cursor.execute("create view comms.operations as select two from comms.int_operations")
    names = [view.name for view in read_views()]
    assert run_views(pipeline()) == names
    assert rows(cursor, "select * from comms.counter_modes order by 1, 2") == expected
    assert run_views(pipeline()) == names
