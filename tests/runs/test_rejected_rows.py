"""A row that cannot be read is reported once, and not again once resolved or acknowledged."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import httpx
import pytest

from comms_source.channels import CHANNELS
from comms_source.commands.backfill import run_backfill
from comms_source.commands.load import run_load
from comms_source.commands.rejected import RejectedRows, acknowledge, rejected
from comms_source.commands.status import read_status
from comms_source.commands.summary import RunSummary
from comms_source.destinations.locks import exclusive_run
from comms_source.destinations.pipeline import open_pipeline
from comms_source.dlt_resources.load_packages import operation_resources
from comms_source.errors import ConfigurationError, NothingLoaded, PipelineBusy
from comms_source.sandbox import Clock, Fault, Sandbox, SandboxSettings
from tests.runs.on_postgres import load_there
from tests.support import FILE, NOW, load, session_for, settings_for

pytestmark = pytest.mark.slow

BAD = Fault(kind="row_without_created_at", channel="emails", rows=50)
WITHOUT_ID = Fault(kind="row_without_id", channel="emails", rows=50)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def read_again(sandbox: Sandbox, *faults: Fault, **changes: Any) -> RunSummary:
    """A run that reads everything again, a second later."""
    sandbox.faults.replace(faults)
    sandbox.clock.advance(SECOND)
    return load(sandbox, **{"refresh": "full", **changes})


def states() -> dict[str | None, str]:
    """The state of each rejected row, by the operation's id."""
    return {row.operation_id: row.state for row in rejected(include_all=True).rows}


def of_view() -> dict[str | None, str]:
    """The same in the view."""
    return dict(query("select operation_id, state from comms.rejected_rows"))


def query(text: str) -> list[Any]:
    """The rows of a query."""
    with duckdb.connect(FILE, read_only=True) as connection:
        return connection.execute(text).fetchall()


def open_in_status(sandbox: Sandbox) -> int:
    """How many open rows `comms status` shows."""
    now = sandbox.clock.now()
    status = read_status(settings=settings_for(sandbox), pipeline=open_pipeline(), now=now)
    return sum(channel.rejected for channel in status.channels)


def test_a_row_makes_a_run_incomplete_once(sandbox: Sandbox) -> None:
    """The run that sees it first exits with 3; later ones know it and say so."""
    first = read_again(sandbox, BAD)
    again = read_again(sandbox, BAD)

    assert (first.exit_code, again.exit_code) == (3, 0)
    emails = [run.as_dict()["channels"]["emails"] for run in (first, again)]
    assert [(each["rejected"], each["rejected_before"]) for each in emails] == [(6, 0), (6, 6)]
    assert [each["complete"] for each in emails] == [False, True]
    assert "    6 rows could not be read, see comms rejected (table rejected_operations)" in (
        first.lines()
    )
    assert "    6 rows are still unreadable, as in an earlier run" in again.lines()
    assert not any("could not be read" in line for line in again.lines())
    assert query("select outcome, rejected from comms.runs order by started_at") == [
        ("incomplete", 6),
        ("complete", 6),
    ]


def test_a_new_row_among_known_ones_makes_the_run_incomplete(sandbox: Sandbox) -> None:
    """And only the new ones are counted as such."""
    read_again(sandbox, BAD)
    more = read_again(sandbox, Fault(kind=BAD.kind, channel="emails", rows=25))

    emails = more.stats.channels["emails"]
    assert more.exit_code == 3
    assert (emails.rejected, emails.rejected_before) == (12, 6)
    assert any("    6 rows could not be read" in line for line in more.lines())


def test_an_operation_whose_counters_moved_is_known(sandbox: Sandbox) -> None:
    """Its row has another text, and says the same: that the operation cannot be read."""
    every = Fault(kind=BAD.kind, channel="emails", rows=1)
    read_again(sandbox, every, channels=("emails",))
    before = {row.row_key for row in rejected().rows}
    known = {row.operation_id for row in rejected().rows}
    sandbox.clock.advance(timedelta(hours=3))
    later = read_again(sandbox, every, channels=("emails",))

    emails = later.stats.channels["emails"]
    new = {row["id"] for row in sandbox.truth("emails")} - known
    assert emails.rejected - emails.rejected_before == len(new) > 0
    assert len({row.row_key for row in rejected().rows} - before) > len(new)


@pytest.mark.usefixtures("views")
def test_an_operation_that_is_read_well_later_is_resolved(sandbox: Sandbox) -> None:
    """It disappears from lists, status and health; rejected again, it is news again."""
    read_again(sandbox, BAD)
    assert set(states().values()) == set(of_view().values()) == {"open"}
    assert open_in_status(sandbox) == 6

    assert read_again(sandbox).exit_code == 0
    assert states() == of_view()
    assert set(states().values()) == {"resolved"}
    assert rejected().rows == []
    assert open_in_status(sandbox) == 0
    assert query("select sum(rejected) from comms.sync_health") == [(0,)]

    assert read_again(sandbox, BAD).exit_code == 3
    assert states() == of_view()
    assert set(states().values()) == {"open"}


@pytest.mark.usefixtures("views")
def test_an_acknowledged_row_stays_so_when_it_is_read_again(sandbox: Sandbox) -> None:
    """By the operation's id; the others stay open."""
    read_again(sandbox, BAD)
    chosen = [row.subject for row in rejected().rows][:2]
    marked = acknowledge(chosen)
    assert [(row.subject, row.state) for row in marked.rows] == [
        (each, "acknowledged") for each in chosen
    ]
    assert read_again(sandbox, BAD).exit_code == 0

    expected = {row.subject for row in rejected(include_all=True).rows} - {*chosen}
    assert {row.subject for row in rejected().rows} == expected
    assert states() == of_view()
    assert open_in_status(sandbox) == len(expected) == 4
    assert query("select sum(rejected) from comms.sync_health") == [(4,)]


def test_a_row_without_an_id_is_acknowledged_by_its_key(sandbox: Sandbox) -> None:
    """As `comms rejected` shows it."""
    read_again(sandbox, WITHOUT_ID)
    (key, *others) = [row.subject for row in rejected().rows]
    acknowledge([key])

    assert [row.row_key for row in rejected().rows] == others
    assert {row.operation_id for row in rejected().rows} == {None}


def test_all_open_rows_can_be_acknowledged(sandbox: Sandbox) -> None:
    """Of one channel, or of all; then none is open, and there is nothing left to acknowledge."""
    read_again(sandbox, BAD, Fault(kind=BAD.kind, channel="messages", rows=100))

    assert {row.channel for row in acknowledge(channels=["messages"]).rows} == {"messages"}
    assert {row.channel for row in rejected().rows} == {"emails"}
    assert len(acknowledge().rows) == 6
    assert (rejected().open, len(acknowledge().rows)) == (0, 0)
    assert query("select count(*) from comms.acknowledged_rejections") == [(9,)]


def test_what_is_named_must_exist(sandbox: Sandbox) -> None:
    """A row, an account or a channel; and nothing is acknowledged then."""
    with pytest.raises(NothingLoaded, match="run comms load first"):
        acknowledge()
    read_again(sandbox, BAD)
    (known, *_) = [row.subject for row in rejected().rows]

    with pytest.raises(ConfigurationError, match="no rejected row has 'nobody'"):
        acknowledge([known, "nobody"])
    with pytest.raises(ConfigurationError, match="nothing of 'nobody' was ever loaded"):
        rejected(accounts=["nobody"])
    with pytest.raises(ConfigurationError, match="letters"):
        rejected(channels=["letters"])
    assert rejected().open == 6


def test_rows_are_not_acknowledged_during_a_run(sandbox: Sandbox) -> None:
    """Both would use one working folder."""
    read_again(sandbox, BAD)

    with exclusive_run(open_pipeline(), command="load"), pytest.raises(PipelineBusy):
        acknowledge()


def test_an_acknowledgement_on_another_machine_keeps_the_coverage(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The next run goes on from where it was, and reads no more than without it."""
    load(sandbox)
    sandbox.faults.replace([BAD])
    sandbox.clock.advance(timedelta(minutes=5))
    load(sandbox, refresh="full")
    with monkeypatch.context() as there:
        there.setenv("DLT_DATA_DIR", str(Path("elsewhere").absolute()))
        acknowledge()
    count = len(sandbox.requests)
    sandbox.clock.advance(SECOND)
    load(sandbox)

    assert len(sandbox.requests) - count == len(CHANNELS)
    (kept,) = query("select count(distinct read_at) from comms.coverage")
    assert kept[0] > 1
    assert "does not hold the last load" not in caplog.text


@pytest.mark.usefixtures("cursor")
def test_rejected_rows_in_postgres(sandbox: Sandbox) -> None:
    """The same as in a DuckDB file."""
    sandbox.faults.replace([BAD])
    codes = [load_there(sandbox, refresh="full").exit_code for _ in range(2)]
    found = rejected(destination="postgres")
    (first, *_) = [row.subject for row in found.rows]
    acknowledge([first], destination="postgres")

    assert codes == [3, 0]
    assert rejected(destination="postgres").open == found.open - 1 == 5
    sandbox.faults.replace([])
    sandbox.clock.advance(SECOND)
    load_there(sandbox, refresh="full")
    found = rejected(destination="postgres", include_all=True)
    assert {row.state for row in found.rows} == {"resolved"}


def test_accounts_do_not_share_what_is_known(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row of one account is news for another; one command lists and acknowledges both."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__ACCOUNTS", '["shop", "news"]')
    sandbox.faults.replace([BAD])
    codes = [
        run_load(
            session=session_for(sandbox, account=name, refresh="full"),
            pipeline=open_pipeline(account=name),
        ).exit_code
        for name in ("shop", "news", "shop", "news")
    ]

    assert codes == [3, 3, 0, 0]
    assert counts(rejected()) == {"shop": 6, "news": 6}
    acknowledge(accounts=["news"])
    assert counts(rejected()) == {"shop": 6}
    acknowledge([rejected().rows[0].subject])
    assert counts(rejected()) == {"shop": 5}


def counts(found: RejectedRows) -> dict[str, int]:
    """The number of rows by account."""
    accounts = [row.account for row in found.rows]
    return {name: accounts.count(name) for name in accounts}


def test_a_backfill_is_incomplete_once(sandbox: Sandbox) -> None:
    """Also where a load has seen the rows before it."""
    read_again(sandbox, BAD)
    codes = []
    for since in (NOW - 6 * DAY, NOW - 5 * DAY):
        sandbox.faults.replace([Fault(kind=BAD.kind, channel="emails", rows=1)])
        backfill = run_backfill(
            session=session_for(sandbox, channels=("emails",)),
            pipeline=open_pipeline(),
            since=since,
            until=NOW,
        )
        codes.append(backfill.exit_code)

    assert codes == [3, 0]


def test_rows_are_counted_over_all_commits_of_a_run(sandbox: Sandbox) -> None:
    """Each row once, whichever package it was committed in."""
    fault = Fault(kind="row_with_text_counter", channel="emails", rows=10)
    changes = {"channels": ("emails",), "page_size": 20, "commit_pages": 3, "concurrency": 1}
    run = read_again(sandbox, fault, **changes)

    assert len(run.load_ids) > 1
    stored = query("select count(*) from comms.rejected_operations")
    assert run.stats.channels["emails"].rejected == stored[0][0] > 3


class UnreadableById(httpx.HTTPTransport):
    """Answers to requests by id lack their counters' meaning."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The response of the sandbox, changed where it is about one operation."""
        response = super().handle_request(request)
        if request.url.path.count("/") == 4:
            content = json.loads(response.read())
            if "stats" in content:
                content["stats"]["total"] = "many"
                return httpx.Response(200, json=content, headers={"Date": response.headers["Date"]})
        return response


def test_a_row_that_is_read_by_id_counts_too() -> None:
    """An open operation past retention that cannot be read makes a run incomplete, once."""
    choices: dict[str, Any] = {
        "operations_per_week": {"messages": 200},
        "fetch_retention": 30 * DAY,
    }
    codes = []
    with Sandbox(SandboxSettings(**choices), Clock(NOW)) as sandbox:
        load(sandbox, channels=("messages",))
        sandbox.clock.advance(8 * DAY)
        for _ in range(2):
            sandbox.clock.advance(SECOND)
            session = session_for(sandbox, channels=("messages",))
            session.transport = UnreadableById()
            run = run_load(session=session, pipeline=open_pipeline())
            messages = run.stats.channels["messages"]
            codes.append((messages.followed > 0, messages.rejected, messages.complete))

    (first, again) = codes
    assert first[0]
    assert first[1] > 0
    assert again == (True, first[1], True)


def test_a_run_of_dlt_knows_nothing_of_the_destination(sandbox: Sandbox) -> None:
    """Each run of a user's own pipeline counts all rows as new."""
    sandbox.faults.replace([BAD])
    pipeline = dlt.pipeline("own", destination="duckdb", dataset_name="comms")
    for _ in range(2):
        session = session_for(sandbox, refresh="full")
        pipeline.run(_source(session))
        emails = session.stats.channels["emails"]
        assert (emails.rejected, emails.rejected_before, emails.complete) == (6, 0, False)


def _source(session: Any) -> Any:
    resources = operation_resources(session)
    return dlt.source(lambda: resources, name="comms_source", section="comms_source")()


NEWS = (
    Fault(kind="new_counter", channel="emails", name="linkClicks"),
    Fault(kind="new_field", channel="emails", name="tags"),
    Fault(kind="unknown_status", channel="emails"),
)


def reported(summary: RunSummary) -> dict[str, list[str]]:
    """What a run named as new, by kind."""
    emails = summary.as_dict()["channels"]["emails"]
    return {kind: emails[f"new_{kind}"] for kind in ("counters", "fields", "statuses")}


def test_what_is_new_is_reported_once(sandbox: Sandbox) -> None:
    """A counter until its column is in the table, a field or status by the first run only."""
    first = read_again(sandbox, *NEWS)
    again = read_again(sandbox, *NEWS, Fault(kind="new_field", channel="emails", name="notes"))

    assert reported(first) == {
        "counters": ["link_clicks"],
        "fields": ["tags"],
        "statuses": ["PAUSED"],
    }
    assert reported(again) == {"counters": [], "fields": ["notes"], "statuses": []}
    assert reported(read_again(sandbox, *NEWS))["fields"] == []
    assert sum("new " in line for line in again.lines()) == 1


def test_a_counter_that_another_account_brought_is_not_new(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its column is in the table that they share."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__ACCOUNTS", '["shop", "news"]')
    sandbox.faults.replace(NEWS[:1])
    runs = [
        run_load(
            session=session_for(sandbox, account=name, refresh="full"),
            pipeline=open_pipeline(account=name),
        )
        for name in ("shop", "news")
    ]

    assert [reported(run)["counters"] for run in runs] == [["link_clicks"], []]


def test_a_backfill_does_not_tell_what_is_known(sandbox: Sandbox) -> None:
    """Neither a counter nor a field nor a status."""
    read_again(sandbox, *NEWS)
    sandbox.faults.replace(NEWS)
    run = run_backfill(
        session=session_for(sandbox), pipeline=open_pipeline(), since=NOW - 3 * DAY, until=NOW
    )

    assert reported(run) == {"counters": [], "fields": [], "statuses": []}
