"""Every failure has a defined outcome, and none is silent."""

from __future__ import annotations

import itertools
import logging
from datetime import timedelta
from typing import Any

import pytest

from comms_source.channels import CHANNELS
from comms_source.commands.summary import RunSummary
from comms_source.config.credentials import BasicCredentials
from comms_source.errors import CredentialsRefused, HostUnreachable
from comms_source.sandbox import ACCOUNT_ID, Clock, Fault, Sandbox, SandboxSettings
from tests.support import NOW, load, stored, true


def meet(sandbox: Sandbox, *faults: Fault, **changes: Any) -> RunSummary:
    """One run with `faults`."""
    sandbox.faults.replace(faults)
    return load(sandbox, **{"timeout": timedelta(seconds=2), "page_size": 20, **changes})


def assert_complete(sandbox: Sandbox, *channels: str) -> None:
    """The tables of these channels (by default all) equal the truth."""
    for channel in channels or CHANNELS:
        assert stored(channel) == true(sandbox, channel)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["too_many_requests", "unavailable"])
def test_a_run_waits_for_retry_after_and_succeeds(sandbox: Sandbox, kind: str) -> None:
    """429 and 503 delay it by the time that the API names, and nothing else."""
    summary = meet(sandbox, Fault(kind=kind, first=4, every=9, count=4, retry_after="0.3"))

    assert summary.exit_code == 0
    assert summary.stats.retries == 4
    assert summary.stats.waited_seconds >= 0.3
    assert_complete(sandbox)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["too_many_requests", "unavailable"])
def test_the_wait_for_a_busy_api_is_limited_by_max_api_wait(sandbox: Sandbox, kind: str) -> None:
    """A longer wait does not even begin: the scans fail, the other channels are complete."""
    fault = Fault(kind=kind, channel="emails", retry_after="3600")

    summary = meet(sandbox, fault, max_api_wait=timedelta(seconds=10), concurrency=2)

    failures = summary.stats.channels["emails"].failures
    assert summary.exit_code == 3
    assert {failure.error for failure in failures} == {"StillBusy"}
    assert_complete(sandbox, "messages", "push_notifications")


@pytest.mark.slow
def test_a_429_without_retry_after_is_retried_too(sandbox: Sandbox) -> None:
    """After a growing random wait."""
    fault = Fault(kind="too_many_requests", first=3, count=2, retry_after=None)

    assert meet(sandbox, fault).exit_code == 0
    assert_complete(sandbox)


@pytest.mark.slow
def test_an_internal_error_is_retried_once(sandbox: Sandbox) -> None:
    """A 500 is retried once; the second ends the scan, and the others continue."""
    fault = Fault(kind="internal_error", channel="emails", first=3, count=2)

    summary = meet(sandbox, fault, concurrency=1)

    emails = summary.stats.channels["emails"]
    assert summary.exit_code == 3
    assert [failure.error for failure in emails.failures] == ["ServerFault"]
    assert emails.scans_done == emails.scans - 1
    assert_complete(sandbox, "messages", "push_notifications")


@pytest.mark.slow
def test_a_single_internal_error_does_no_harm(sandbox: Sandbox) -> None:
    """One retry is enough."""
    assert meet(sandbox, Fault(kind="internal_error", first=5, count=1)).exit_code == 0
    assert_complete(sandbox)


def test_refused_credentials_stop_the_run(sandbox: Sandbox) -> None:
    """After one request per channel: a 401 is never retried, and no further scan starts."""
    with pytest.raises(CredentialsRefused, match="auth token"):
        load(sandbox, credentials=BasicCredentials(ACCOUNT_ID, "wrong"))

    counts = [[entry.channel for entry in sandbox.requests].count(name) for name in CHANNELS]
    assert max(counts) <= 1


def test_credentials_revoked_during_a_run_stop_it(sandbox: Sandbox) -> None:
    """No further request is sent."""
    with pytest.raises(CredentialsRefused):
        meet(sandbox, Fault(kind="unauthorized", first=10))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["forbidden", "not_found"])
def test_a_closed_channel_does_not_stop_the_others(sandbox: Sandbox, kind: str) -> None:
    """A 403, or a 404 to a list, is reported after one request."""
    summary = meet(sandbox, Fault(kind=kind, channel="push_notifications", endpoint="list"))

    push = summary.stats.channels["push_notifications"]
    assert summary.exit_code == 3
    assert push.refused is not None
    assert push.requests == 1
    assert_complete(sandbox, "messages", "emails")
    assert stored("push_notifications") == {}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["reset", "cut", "cut_json", "bad_gateway", "hang"])
def test_broken_connections_are_retried(sandbox: Sandbox, kind: str) -> None:
    """And incomplete responses too, until they succeed."""
    fault = Fault(kind=kind, first=2, every=5, count=3, seconds=5)

    summary = meet(sandbox, fault, timeout=timedelta(seconds=0.5))

    assert summary.exit_code == 0
    assert summary.stats.retries == 3
    assert_complete(sandbox)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["reset", "cut"])
def test_a_channel_that_never_recovers_fails(sandbox: Sandbox, kind: str) -> None:
    """It is named; the other channels are complete."""
    summary = meet(sandbox, Fault(kind=kind, channel="emails"), attempts=2, concurrency=2)

    failures = summary.stats.channels["emails"].failures
    assert summary.exit_code == 3
    assert {failure.error for failure in failures} == {"ConnectionLost"}
    assert_complete(sandbox, "messages", "push_notifications")


@pytest.mark.slow
def test_an_api_that_ignores_the_dates_is_reported_once(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """What lies outside is left out and counted; what was asked for is complete and no more."""
    load(sandbox)
    sandbox.clock.advance(timedelta(hours=6))
    sandbox.faults.replace([Fault(kind="ignored_dates", channel="messages")])

    with caplog.at_level(logging.WARNING, logger="comms_source"):
        summary = load(sandbox)

    messages = summary.stats.channels["messages"]
    assert summary.exit_code == 0
    assert messages.outside > 0
    assert caplog.text.count("messages: the API returns operations from outside the range") == 1
    assert any("the API ignores the date filter" in line for line in summary.lines())
    assert summary.stats.channels["emails"].outside == 0
    assert stored("messages").keys() >= true(sandbox, "messages").keys()


NAMED = {
    "html": "NotJson",
    "no_envelope": "EnvelopeMissing",
    "redirect": "Redirected",
    "repeat_token": "EndlessScan",
    "endless_pages": "EndlessScan",
    "bad_request": "RequestRefused",
}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "error"), NAMED.items())
def test_a_wrong_response_is_reported_with_exit_code_3(
    sandbox: Sandbox, kind: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a hang, never an empty success: the summary names scan and error."""
    monkeypatch.setattr("comms_source.api.pagination.MAX_IDLE_PAGES", 20)
    summary = meet(sandbox, Fault(kind=kind, channel="emails"), concurrency=2)

    emails = summary.stats.channels["emails"]
    assert summary.exit_code == 3
    assert {failure.error for failure in emails.failures} == {error}
    assert len(emails.failures) == emails.scans
    assert_complete(sandbox, "messages", "push_notifications")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "error"), NAMED.items())
def test_only_wrong_responses_are_exit_code_1(
    sandbox: Sandbox, kind: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no scan could be finished, the run has failed."""
    monkeypatch.setattr("comms_source.api.pagination.MAX_IDLE_PAGES", 20)
    summary = meet(sandbox, Fault(kind=kind), concurrency=2)

    failures = [record.failures for record in summary.stats.channels.values()]
    assert summary.exit_code == 1
    assert {failure.error for failure in itertools.chain(*failures)} == {error}


@pytest.mark.slow
def test_a_redirect_is_not_followed(sandbox: Sandbox) -> None:
    """No request is sent to its target."""
    meet(sandbox, Fault(kind="redirect"))

    assert {entry.endpoint for entry in sandbox.requests} == {"list"}
    assert {entry.status for entry in sandbox.requests} == {302}


def test_an_unreachable_host_fails_the_run_at_once(sandbox: Sandbox) -> None:
    """It is not retried for each scan."""
    with pytest.raises(HostUnreachable, match="base_url"):
        load(sandbox, base_url="http://127.0.0.1:9/v1", attempts=2)


ROWS = {
    "row_without_id": "the id is missing",
    "row_without_created_at": "createdAt is missing",
    "row_with_bad_created_at": "createdAt is 'the day before yesterday'",
    "row_with_text_counter": "the counter total is 'many'",
}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "reason"), ROWS.items())
def test_unreadable_rows_are_stored_and_reported(sandbox: Sandbox, kind: str, reason: str) -> None:
    """All other rows are loaded; each bad one is stored with its text, with exit code 3."""
    summary = meet(sandbox, Fault(kind=kind, channel="emails", rows=7))

    truth = true(sandbox, "emails")
    good, rejected = stored("emails"), summary.stats.channels["emails"].rejected
    assert summary.exit_code == 3
    assert good.items() <= truth.items()
    assert rejected >= len(truth) - len(good) > 0
    assert set(_rejections()) == {("emails", reason)}
    assert len(_rejections()) == rejected


@pytest.mark.slow
def test_a_bad_row_that_is_read_again_is_stored_once(sandbox: Sandbox) -> None:
    """A second run reads the same rows."""
    fault = Fault(kind="row_without_id", channel="emails", rows=7)
    meet(sandbox, fault)
    before = _rejections()

    meet(sandbox, fault)

    assert before == _rejections()


def _rejections() -> list[tuple[str, str]]:
    import duckdb  # noqa: PLC0415

    with duckdb.connect("twilio_comms.duckdb", read_only=True) as connection:
        return connection.execute(
            "select channel, reason from comms.rejected_operations where raw <> '' order by row_key"
        ).fetchall()


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["duplicate_row", "lower_case_status", "new_field", "new_counter", "missing_counter"]
)
def test_readable_oddities_do_no_harm(sandbox: Sandbox, kind: str) -> None:
    """The run is complete, and no operation is missing or duplicated."""
    summary = meet(sandbox, Fault(kind=kind, rows=3))

    assert summary.exit_code == 0
    for channel in CHANNELS:
        assert stored(channel).keys() == true(sandbox, channel).keys()


@pytest.mark.slow
def test_new_counters_fields_and_statuses_are_reported(sandbox: Sandbox) -> None:
    """A new counter becomes a column of the table."""
    summary = meet(
        sandbox,
        Fault(kind="new_counter", channel="emails", name="linkClicks"),
        Fault(kind="new_field", channel="emails", name="tags"),
        Fault(kind="unknown_status", channel="emails"),
    )

    record = summary.as_dict()["channels"]["emails"]
    assert record["new_counters"] == ["link_clicks"]
    assert record["new_fields"] == ["tags"]
    assert record["new_statuses"] == ["PAUSED"]
    assert summary.exit_code == 0


@pytest.mark.slow
def test_a_load_completes_under_a_rate_limit() -> None:
    """Everything is loaded from a server that refuses requests beyond a rate."""
    settings = SandboxSettings(operations_per_week=300, rate_limit=25)
    with Sandbox(settings, Clock(NOW)) as sandbox:
        summary = load(sandbox, page_size=20)

        assert summary.exit_code == 0
        assert_complete(sandbox)
