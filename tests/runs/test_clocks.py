"""A machine with a wrong clock records nothing that is not true."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import dlt
import duckdb
import httpx
import pytest

from comms_source.channels import CHANNELS
from comms_source.commands.fetch import run_fetch
from comms_source.commands.load import run_load
from comms_source.commands.summary import RunSummary
from comms_source.destinations.pipeline import open_pipeline
from comms_source.dlt_resources.load_packages import operation_resources
from comms_source.errors import ClockSkewed
from comms_source.extract.session import Session
from comms_source.sandbox import Sandbox
from tests.support import FILE, NOW, load, settings_for, stored, true

DAY = timedelta(days=1)


def rows(query: str) -> list[tuple[Any, ...]]:
    """The result of a query on the warehouse."""
    with duckdb.connect(FILE, read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        return connection.execute(query).fetchall()


class Dateless(httpx.HTTPTransport):
    """A proxy that removes the API's time from responses."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on a response without its `Date`."""
        response = super().handle_request(request)
        del response.headers["date"]
        return response


def session_off_by(
    sandbox: Sandbox, skew: timedelta, *, dateless: bool = False, **changes: Any
) -> Session:
    """A session on a machine with a clock ahead of the API's."""
    return Session(
        settings=settings_for(sandbox, **changes),
        clock=lambda: sandbox.clock.now() + skew,
        transport=Dateless() if dateless else None,
    )


def load_off_by(sandbox: Sandbox, skew: timedelta, **changes: Any) -> RunSummary:
    """One run on such a machine."""
    session = session_off_by(sandbox, skew, **changes)
    return run_load(session=session, pipeline=open_pipeline())


HISTORIES = [channel.history_table for channel in CHANNELS.values()]


@pytest.mark.slow
@pytest.mark.parametrize("days", [-2, 30])
def test_a_run_uses_the_apis_clock(
    sandbox: Sandbox, days: int, caplog: pytest.LogCaptureFixture
) -> None:
    """That takes one more request, is logged, and gives the same result as with a correct clock."""
    load(sandbox)
    sandbox.clock.advance(timedelta(hours=5))
    with caplog.at_level(logging.WARNING):
        summary = load_off_by(sandbox, days * DAY)
    sandbox.clock.advance(timedelta(hours=5))
    after = load(sandbox)

    assert "this run goes by the API's clock" in caplog.text
    assert (summary.exit_code, after.exit_code) == (0, 0)
    assert summary.stats.requests <= 6
    assert rows("select * from comms.gaps") == []
    assert rows("select max(read_at) from comms.coverage")[0][0] <= sandbox.clock.now()
    for table in HISTORIES:
        assert rows(f"select count(*) from comms.{table} where valid_to < valid_from") == [(0,)]
        assert rows(f"select max(valid_from) from comms.{table}")[0][0] <= sandbox.clock.now()
    assert all(true(sandbox, name).keys() <= stored(name).keys() for name in CHANNELS)


@pytest.mark.slow
def test_a_first_run_uses_the_apis_clock(sandbox: Sandbox) -> None:
    """Although there is no earlier run to compare its clock with."""
    assert load_off_by(sandbox, 30 * DAY).exit_code == 0
    assert all(true(sandbox, name) == stored(name) for name in CHANNELS)
    assert load(sandbox).exit_code == 0
    assert rows("select * from comms.gaps") == []


def test_a_users_pipeline_fails_if_the_clock_is_wrong(sandbox: Sandbox) -> None:
    """It cannot start over, so nothing is loaded."""
    resources = operation_resources(session_off_by(sandbox, 2 * DAY))
    pipeline = dlt.pipeline("twilio_comms", destination="duckdb", dataset_name="comms")
    source = dlt.source(lambda: resources, name="comms_source", section="comms_source")

    with pytest.raises(Exception, match="172,800 s ahead of the API's; set it") as raised:
        pipeline.run(source())
    chain: BaseException | None = raised.value
    while chain is not None and not isinstance(chain, ClockSkewed):
        chain = chain.__cause__ or chain.__context__
    assert isinstance(chain, ClockSkewed)


@pytest.mark.slow
def test_fetching_by_id_uses_the_apis_clock(sandbox: Sandbox) -> None:
    """The row has the API's time."""
    load(sandbox)
    key = list(true(sandbox, "emails"))[-1]
    sandbox.clock.advance(timedelta(hours=1))
    session = session_off_by(sandbox, 30 * DAY)

    assert run_fetch(session=session, pipeline=open_pipeline(), ids=[key]).found == {key: "emails"}
    synced = rows(f"select synced_at from comms.email_operations where id = '{key}'")[0][0]
    assert abs(synced - sandbox.clock.now()) < timedelta(minutes=1)


@pytest.mark.slow
@pytest.mark.parametrize("days", [-2, 30])
def test_without_the_apis_time_nothing_unread_counts_as_read(sandbox: Sandbox, days: int) -> None:
    """No gap, no window that had not closed, no state that ends before it begins."""
    load(sandbox)
    sandbox.clock.advance(timedelta(hours=5))
    load_off_by(sandbox, days * DAY, dateless=True)

    complete = rows("select max(window_end) from comms.coverage where is_complete")[0][0]
    assert complete <= sandbox.clock.now()
    assert rows("select * from comms.gaps") == []
    sandbox.clock.advance(timedelta(hours=5))
    assert load(sandbox, refresh="full").exit_code == 0
    assert rows("select * from comms.gaps") == []
    for table in HISTORIES:
        assert rows(f"select count(*) from comms.{table} where valid_to < valid_from") == [(0,)]
        doubled = f"select count(*) - count(distinct id) from comms.{table} where valid_to is null"
        assert rows(doubled) == [(0,)]
    assert all(true(sandbox, name).keys() <= stored(name).keys() for name in CHANNELS)


@pytest.mark.slow
def test_without_the_apis_time_coverage_still_grows(sandbox: Sandbox) -> None:
    """Rows show how late it must be; windows older than the newest row are complete."""
    load_off_by(sandbox, timedelta(0), dateless=True)
    sandbox.clock.advance(2 * DAY)
    load_off_by(sandbox, timedelta(0), dateless=True)

    newest = max(row[2] for row in true(sandbox, "emails").values())
    complete = rows("select max(window_end) from comms.coverage where is_complete")[0][0]
    assert newest - timedelta(hours=2) < complete <= newest + timedelta(hours=2)
    assert complete > NOW + DAY
