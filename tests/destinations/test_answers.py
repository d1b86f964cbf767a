"""Each destination gives the results of a DuckDB file: one test per feature and destination."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest

from comms_source.channels import CHANNELS
from tests.destinations.conftest import GetResults
from tests.destinations.places import PLACES
from tests.destinations.scenario import (
    DETAILS,
    HISTORIES,
    OPERATIONS,
    STAGES,
    WITH_DETAILS,
    Results,
    Row,
    Tables,
    plain,
)
from tests.support import columns_of

pytestmark = pytest.mark.filterwarnings(
    "ignore:implicitly coercing SELECT:sqlalchemy.exc.SAWarning"  # of dlt's merges in SQLite
)


@pytest.fixture(params=PLACES)
def results(request: pytest.FixtureRequest, get_results: GetResults) -> Results:
    """The results of the scenario in one destination."""
    return get_results(request.param)


@pytest.fixture(params=[name for name, place in PLACES.items() if place.has_views])
def seen(request: pytest.FixtureRequest, get_results: GetResults) -> Results:
    """The results of the scenario in one destination that the views are written for."""
    return get_results(request.param)


@pytest.fixture
def expected(get_results: GetResults) -> Results:
    """The results of the scenario in a DuckDB file."""
    return get_results("duckdb")


def only(tables: Tables, names: Iterable[str]) -> Tables:
    """Some of the tables."""
    return {name: tables[name] for name in names}


def test_load(results: Results, expected: Results) -> None:
    """Every operation of the API is there once, with its values."""
    loaded = only(results.stages["first"], OPERATIONS)

    assert results.exits["first"] == 0
    assert all(len({row["id"] for row in rows}) == len(rows) > 0 for rows in loaded.values())
    assert loaded == only(expected.stages["first"], OPERATIONS)


def test_load_again(results: Results) -> None:
    """Reading unchanged operations again duplicates no row, and adds none to a history."""
    first, again = results.stages["first"], results.stages["again"]

    assert results.exits["again"] == 0
    assert only(again, OPERATIONS) == only(first, OPERATIONS)
    assert only(again, HISTORIES) == only(first, HISTORIES)
    assert len(again["runs"]) == len(first["runs"]) + 1


def test_counters_that_moved(results: Results, expected: Results) -> None:
    """After the last stage, each operation that the API still has equals the API's."""
    last = results.stages["last"]

    for name, channel in CHANNELS.items():
        known = results.truth[name]
        rows = {row["id"]: row for row in last[channel.table] if row["id"] in known}
        shown = {key: tuple(row[c] for c in columns_of(name)) for key, row in rows.items()}
        assert shown == {key: plain_row(row) for key, row in known.items()}
    assert results.exits["last"] == 0
    assert only(last, OPERATIONS) == only(expected.stages["last"], OPERATIONS)


def plain_row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row of the sandbox in the common form of values."""
    return tuple(plain(value) for value in row)


def test_new_counter(results: Results, expected: Results) -> None:
    """It is a column of the operations and of their history, and NULL where it was not sent."""
    for table in ("email_operations", "email_operation_history"):
        before, after = (results.stages[stage][table] for stage in ("again", "later"))
        assert not any("clicked" in row for row in before)
        assert {row["clicked"] for row in after} == {None, 7}
        assert after == expected.stages["later"][table]


def test_rejected_row(results: Results, expected: Results) -> None:
    """It is kept exactly as received, the other rows are loaded, and the run reports it."""
    rejected = results.stages["later"]["rejected_operations"]

    assert results.exits["later"] == 3
    assert rejected
    assert rejected == expected.stages["later"]["rejected_operations"]
    assert only(results.stages["later"], OPERATIONS) == only(expected.stages["later"], OPERATIONS)


def test_coverage_and_gaps(results: Results, expected: Results) -> None:
    """What was read and when, what was lost, and what is fetched by id."""
    kinds = ("coverage", "gaps", "followed_operations")

    assert results.exits["after an outage"] == 3
    assert results.stages["after an outage"]["gaps"]
    for stage in STAGES:
        assert only(results.stages[stage], kinds) == only(expected.stages[stage], kinds)


def test_history(results: Results, expected: Results) -> None:
    """States adjoin, one of them is current, and they are the same in every destination."""
    for stage in STAGES:
        assert only(results.stages[stage], HISTORIES) == only(expected.stages[stage], HISTORIES)
    for channel in CHANNELS.values():
        states: dict[str, list[Row]] = {}
        for row in results.stages["last"][channel.history_table]:
            states.setdefault(row["id"], []).append(row)
        assert any(len(rows) > 1 for rows in states.values())
        for rows in states.values():
            in_order = sorted(rows, key=lambda row: str(row["valid_from"]))
            pairs = list(pairwise(in_order))
            assert all(one["valid_to"] == next_["valid_from"] for one, next_ in pairs)
            assert all(one["row_version"] != next_["row_version"] for one, next_ in pairs)
            assert in_order[-1]["valid_to"] is None
        assert states.keys() == {row["id"] for row in results.stages["last"][channel.table]}


def test_killed_between_job_and_note(results: Results) -> None:
    """Everything that a killed run had read is loaded, and nothing is there twice."""
    finished = results.stages["killed"]

    for name, channel in CHANNELS.items():
        ids = [row["id"] for row in finished[channel.table]]
        current = [row["id"] for row in finished[channel.history_table] if row["valid_to"] is None]
        assert len(set(ids)) == len(ids)
        assert results.truth[name].keys() <= set(ids)
        assert sorted(current) == sorted(ids)


def test_details(results: Results, expected: Results) -> None:
    """As many as the budget allows, and the same ones; addresses have the same digests."""
    for stage in WITH_DETAILS:
        assert results.exits[stage] == expected.exits[stage]
        assert all(only(results.stages[stage], DETAILS).values())
        assert only(results.stages[stage], DETAILS) == only(expected.stages[stage], DETAILS)


def test_runs(results: Results, expected: Results) -> None:
    """One row per run, with its figures."""
    assert results.stages["last"]["runs"] == expected.stages["last"]["runs"]


def test_views(seen: Results, expected: Results) -> None:
    """Row by row; for a lake they are created by the reader."""
    assert seen.views.keys() == expected.views.keys()
    for name, rows in expected.views.items():
        assert seen.views[name] == rows, name
    assert sum(map(bool, expected.views.values())) > 12


@pytest.mark.parametrize("name", [name for name, place in PLACES.items() if not place.has_views])
def test_no_views(name: str, get_results: GetResults) -> None:
    """The loads end as elsewhere without them; who asks for views or a report gets the reason."""
    refused = get_results(name)

    for reason in refused.refusals:
        assert re.match("views: they are not written for (mysql|sqlite), which lacks", reason)
    assert len(refused.refusals) == 2
    assert refused.exits["last"] == 0


def test_status(results: Results, expected: Results) -> None:
    """Freshness, gaps, and by when to run again."""
    assert results.status == expected.status


def test_plan(results: Results, expected: Results) -> None:
    """What the next run would request."""
    assert any(plan["scans"] for plan in results.plan)
    assert results.plan == expected.plan


def test_report(seen: Results, expected: Results) -> None:
    """Figures, problems, and finality."""
    assert seen.report == expected.report
