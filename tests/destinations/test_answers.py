"""Each destination answers as a DuckDB file does: one test a feature and destination."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest

from comms_source.channels import CHANNELS
from tests.destinations.conftest import Lives
from tests.destinations.life import HISTORIES, OPERATIONS, STAGES, Life, Row, Tables, plain
from tests.destinations.places import PLACES
from tests.support import columns_of


@pytest.fixture(params=PLACES)
def life(request: pytest.FixtureRequest, lives: Lives) -> Life:
    """The life in one destination."""
    return lives(request.param)


@pytest.fixture
def model(lives: Lives) -> Life:
    """The same life in a DuckDB file."""
    return lives("duckdb")


def only(tables: Tables, names: Iterable[str]) -> Tables:
    """Some of the tables."""
    return {name: tables[name] for name in names}


def test_load(life: Life, model: Life) -> None:
    """Everything that the API has is there once, as it was said."""
    loaded = only(life.stages["first"], OPERATIONS)

    assert life.exits["first"] == 0
    assert all(len({row["id"] for row in rows}) == len(rows) > 0 for rows in loaded.values())
    assert loaded == only(model.stages["first"], OPERATIONS)


def test_load_again(life: Life) -> None:
    """Reading the same once more doubles no row, and adds none to a history."""
    first, again = life.stages["first"], life.stages["again"]

    assert life.exits["again"] == 0
    assert only(again, OPERATIONS) == only(first, OPERATIONS)
    assert only(again, HISTORIES) == only(first, HISTORIES)
    assert len(again["runs"]) == len(first["runs"]) + 1


def test_counters_that_moved(life: Life, model: Life) -> None:
    """After the last stage each operation that the API still knows is as the API says."""
    last = life.stages["last"]

    for name, channel in CHANNELS.items():
        known = life.truth[name]
        rows = {row["id"]: row for row in last[channel.table] if row["id"] in known}
        shown = {key: tuple(row[c] for c in columns_of(name)) for key, row in rows.items()}
        assert shown == {key: plain_row(row) for key, row in known.items()}
    assert life.exits["last"] == 0
    assert only(last, OPERATIONS) == only(model.stages["last"], OPERATIONS)


def plain_row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row of the truth as tables are told."""
    return tuple(plain(value) for value in row)


def test_new_counter(life: Life, model: Life) -> None:
    """It is a column of the operations and of their history, NULL where nobody counted."""
    for table in ("email_operations", "email_operation_history"):
        before, after = (life.stages[stage][table] for stage in ("again", "later"))
        assert not any("clicked" in row for row in before)
        assert {row["clicked"] for row in after} == {None, 7}
        assert after == model.stages["later"][table]


def test_rejected_row(life: Life, model: Life) -> None:
    """It is kept to the letter, the others are loaded, and the run says so."""
    rejected = life.stages["later"]["rejected_operations"]

    assert life.exits["later"] == 3
    assert rejected
    assert rejected == model.stages["later"]["rejected_operations"]
    assert only(life.stages["later"], OPERATIONS) == only(model.stages["later"], OPERATIONS)


def test_coverage_and_gaps(life: Life, model: Life) -> None:
    """What was read when, what was lost, and what is asked for by id."""
    kinds = ("coverage", "gaps", "followed_operations")

    assert life.exits["after an outage"] == 3
    assert life.stages["after an outage"]["gaps"]
    for stage in STAGES:
        assert only(life.stages[stage], kinds) == only(model.stages[stage], kinds)


def test_history(life: Life, model: Life) -> None:
    """States follow each other without a hole, one of them current, the same ones everywhere."""
    for stage in STAGES:
        assert only(life.stages[stage], HISTORIES) == only(model.stages[stage], HISTORIES)
    for channel in CHANNELS.values():
        states: dict[str, list[Row]] = {}
        for row in life.stages["last"][channel.history_table]:
            states.setdefault(row["id"], []).append(row)
        assert any(len(rows) > 1 for rows in states.values())
        for rows in states.values():
            in_order = sorted(rows, key=lambda row: str(row["valid_from"]))
            pairs = list(pairwise(in_order))
            assert all(one["valid_to"] == next_["valid_from"] for one, next_ in pairs)
            assert all(one["row_version"] != next_["row_version"] for one, next_ in pairs)
            assert in_order[-1]["valid_to"] is None
        assert states.keys() == {row["id"] for row in life.stages["last"][channel.table]}


def test_killed_between_job_and_note(life: Life) -> None:
    """What a dead run had read is loaded, all of it, and nothing is there twice."""
    finished = life.stages["killed"]

    for name, channel in CHANNELS.items():
        ids = [row["id"] for row in finished[channel.table]]
        current = [row["id"] for row in finished[channel.history_table] if row["valid_to"] is None]
        assert len(set(ids)) == len(ids)
        assert life.truth[name].keys() <= set(ids)
        assert sorted(current) == sorted(ids)


def test_runs(life: Life, model: Life) -> None:
    """One row a run, with what it did."""
    assert life.stages["last"]["runs"] == model.stages["last"]["runs"]


def test_views(life: Life, model: Life) -> None:
    """Row for row; a lake's are made by whoever asks."""
    assert life.views.keys() == model.views.keys()
    for name, rows in model.views.items():
        assert life.views[name] == rows, name
    assert sum(map(bool, model.views.values())) > 12


def test_status(life: Life, model: Life) -> None:
    """How fresh everything is, what is missing, and by when to run again."""
    assert life.status == model.status


def test_plan(life: Life, model: Life) -> None:
    """What the next run would ask for."""
    assert any(plan["scans"] for plan in life.plan)
    assert life.plan == model.plan


def test_report(life: Life, model: Life) -> None:
    """The figures, what is wrong, and how final they are."""
    assert life.report == model.report
