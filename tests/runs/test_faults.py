"""Everything that can go wrong on the way has one outcome, and none is silence."""

from __future__ import annotations

import itertools
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
    """One run that meets `faults`."""
    sandbox.faults.replace(faults)
    return load(sandbox, **{"timeout": timedelta(seconds=2), "page_size": 20, **changes})


def assert_complete(sandbox: Sandbox, *channels: str) -> None:
    """The tables of these channels (all, if none is named) equal the truth."""
    for channel in channels or CHANNELS:
        assert stored(channel) == true(sandbox, channel)


@pytest.mark.parametrize("kind", ["too_many_requests", "unavailable"])
def test_asked_to_wait_a_run_waits_and_succeeds(sandbox: Sandbox, kind: str) -> None:
    """429 and 503 cost the time that the API names, and nothing else."""
    summary = meet(sandbox, Fault(kind=kind, first=4, every=9, count=4, retry_after="0.3"))

    assert summary.exit_code == 0
    assert summary.stats.retries == 4
    assert summary.stats.waited_seconds >= 0.3
    assert_complete(sandbox)


@pytest.mark.parametrize("kind", ["too_many_requests", "unavailable"])
def test_a_busy_api_is_waited_for_only_as_long_as_patience_lasts(
    sandbox: Sandbox, kind: str
) -> None:
    """A wait beyond it is not even begun: the scans fail, the other channels are complete."""
    fault = Fault(kind=kind, channel="emails", retry_after="3600")

    summary = meet(sandbox, fault, max_api_wait=timedelta(seconds=10), concurrency=2)

    failures = summary.stats.channels["emails"].failures
    assert summary.exit_code == 3
    assert {failure.error for failure in failures} == {"StillBusy"}
    assert_complete(sandbox, "messages", "push_notifications")


def test_a_refusal_without_a_time_is_waited_out_too(sandbox: Sandbox) -> None:
    """Where `Retry-After` is missing, a growing random wait stands in."""
    fault = Fault(kind="too_many_requests", first=3, count=2, retry_after=None)

    assert meet(sandbox, fault).exit_code == 0
    assert_complete(sandbox)


def test_a_server_fault_is_tried_once_more_and_fails_its_scan_only(sandbox: Sandbox) -> None:
    """500 is repeated once; the second ends the scan and leaves the others alone."""
    fault = Fault(kind="internal_error", channel="emails", first=3, count=2)

    summary = meet(sandbox, fault, concurrency=1)

    emails = summary.stats.channels["emails"]
    assert summary.exit_code == 3
    assert [failure.error for failure in emails.failures] == ["ServerFault"]
    assert emails.scans_done == emails.scans_planned - 1
    assert_complete(sandbox, "messages", "push_notifications")


def test_one_server_fault_alone_costs_nothing(sandbox: Sandbox) -> None:
    """The one more try is enough."""
    assert meet(sandbox, Fault(kind="internal_error", first=5, count=1)).exit_code == 0
    assert_complete(sandbox)


def test_refused_credentials_stop_the_run_after_one_request_a_channel(sandbox: Sandbox) -> None:
    """401 is never tried again, and no scan follows it."""
    with pytest.raises(CredentialsRefused, match="auth token"):
        load(sandbox, credentials=BasicCredentials(ACCOUNT_ID, "wrong"))

    counts = [[entry.channel for entry in sandbox.requests].count(name) for name in CHANNELS]
    assert max(counts) <= 1


def test_credentials_refused_half_way_stop_the_run(sandbox: Sandbox) -> None:
    """A key that is revoked while a run goes on ends it."""
    with pytest.raises(CredentialsRefused):
        meet(sandbox, Fault(kind="unauthorized", first=10))


@pytest.mark.parametrize("kind", ["forbidden", "not_found"])
def test_a_closed_channel_does_not_stop_the_others(sandbox: Sandbox, kind: str) -> None:
    """403, and a list that does not exist, are told; one request is enough to know."""
    summary = meet(sandbox, Fault(kind=kind, channel="push_notifications", endpoint="list"))

    push = summary.stats.channels["push_notifications"]
    assert summary.exit_code == 3
    assert push.refused is not None
    assert push.requests == 1
    assert_complete(sandbox, "messages", "emails")
    assert stored("push_notifications") == {}


@pytest.mark.parametrize("kind", ["reset", "cut", "cut_json", "bad_gateway", "hang"])
def test_broken_connections_and_cut_answers_recover(sandbox: Sandbox, kind: str) -> None:
    """Each is tried again until it is whole."""
    fault = Fault(kind=kind, first=2, every=5, count=3, seconds=5)

    summary = meet(sandbox, fault, timeout=timedelta(seconds=0.5))

    assert summary.exit_code == 0
    assert summary.stats.retries == 3
    assert_complete(sandbox)


@pytest.mark.parametrize("kind", ["reset", "cut"])
def test_a_channel_that_stays_broken_fails_by_name(sandbox: Sandbox, kind: str) -> None:
    """The other channels are complete."""
    summary = meet(sandbox, Fault(kind=kind, channel="emails"), attempts=2, concurrency=2)

    failures = summary.stats.channels["emails"].failures
    assert summary.exit_code == 3
    assert {failure.error for failure in failures} == {"ConnectionLost"}
    assert_complete(sandbox, "messages", "push_notifications")


NAMED = {
    "html": "NotJson",
    "no_envelope": "EnvelopeMissing",
    "redirect": "Redirected",
    "repeat_token": "EndlessScan",
    "endless_pages": "EndlessScan",
    "bad_request": "RequestRefused",
}


@pytest.mark.parametrize(("kind", "error"), NAMED.items())
def test_a_wrong_answer_is_a_named_error_and_exit_code_3(
    sandbox: Sandbox, kind: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a hang, never an empty success: the summary names scan and error."""
    monkeypatch.setattr("comms_source.api.pagination.MAX_IDLE_PAGES", 20)
    summary = meet(sandbox, Fault(kind=kind, channel="emails"), concurrency=2)

    emails = summary.stats.channels["emails"]
    assert summary.exit_code == 3
    assert {failure.error for failure in emails.failures} == {error}
    assert len(emails.failures) == emails.scans_planned
    assert_complete(sandbox, "messages", "push_notifications")


@pytest.mark.parametrize(("kind", "error"), NAMED.items())
def test_nothing_but_wrong_answers_is_exit_code_1(
    sandbox: Sandbox, kind: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where not one scan could be finished, the run has failed."""
    monkeypatch.setattr("comms_source.api.pagination.MAX_IDLE_PAGES", 20)
    summary = meet(sandbox, Fault(kind=kind), concurrency=2)

    failures = [record.failures for record in summary.stats.channels.values()]
    assert summary.exit_code == 1
    assert {failure.error for failure in itertools.chain(*failures)} == {error}


def test_a_redirect_is_not_followed(sandbox: Sandbox) -> None:
    """Nothing is asked of the place that it names."""
    meet(sandbox, Fault(kind="redirect"))

    assert {entry.endpoint for entry in sandbox.requests} == {"list"}
    assert {entry.status for entry in sandbox.requests} == {302}


def test_a_host_that_nobody_answers_from_fails_the_run_at_once(sandbox: Sandbox) -> None:
    """It is not tried scan by scan."""
    with pytest.raises(HostUnreachable, match="base_url"):
        load(sandbox, base_url="http://127.0.0.1:9/v1", attempts=2)


ROWS = {
    "row_without_id": "the id is missing",
    "row_without_created_at": "createdAt is missing",
    "row_with_bad_created_at": "createdAt is 'the day before yesterday'",
    "row_with_text_counter": "the counter total is 'many'",
}


@pytest.mark.parametrize(("kind", "reason"), ROWS.items())
def test_rows_that_cannot_be_read_are_kept_aside_and_told(
    sandbox: Sandbox, kind: str, reason: str
) -> None:
    """All other rows are loaded, each bad one is stored with its text, exit code 3."""
    summary = meet(sandbox, Fault(kind=kind, channel="emails", rows=7))

    truth = true(sandbox, "emails")
    good, rejected = stored("emails"), summary.stats.channels["emails"].rejected
    assert summary.exit_code == 3
    assert good.items() <= truth.items()
    assert rejected >= len(truth) - len(good) > 0
    assert set(_rejections()) == {("emails", reason)}
    assert len(_rejections()) == rejected


def test_a_bad_row_that_is_read_again_is_stored_once(sandbox: Sandbox) -> None:
    """A second run finds the same rows."""
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


@pytest.mark.parametrize(
    "kind", ["duplicate_row", "lower_case_status", "new_field", "new_counter", "missing_counter"]
)
def test_oddities_that_can_be_read_cost_nothing(sandbox: Sandbox, kind: str) -> None:
    """The run is complete and no operation is missing or doubled."""
    summary = meet(sandbox, Fault(kind=kind, rows=3))

    assert summary.exit_code == 0
    for channel in CHANNELS:
        assert stored(channel).keys() == true(sandbox, channel).keys()


def test_new_things_are_named_in_the_summary(sandbox: Sandbox) -> None:
    """A new counter becomes a column of the table; status and field are told too."""
    summary = meet(
        sandbox,
        Fault(kind="new_counter", channel="emails", name="linkClicks"),
        Fault(kind="new_field", channel="emails", name="tags"),
        Fault(kind="unknown_status", channel="emails"),
    )

    told = summary.as_dict()["channels"]["emails"]
    assert told["new_counters"] == ["link_clicks"]
    assert told["new_fields"] == ["tags"]
    assert told["new_statuses"] == ["PAUSED"]
    assert summary.exit_code == 0


def test_a_rate_limit_is_kept_to_in_the_end() -> None:
    """Against a server that refuses beyond a rate, everything arrives all the same."""
    settings = SandboxSettings(operations_per_week=300, rate_limit=25)
    with Sandbox(settings, Clock(NOW)) as sandbox:
        summary = load(sandbox, page_size=20)

        assert summary.exit_code == 0
        assert_complete(sandbox)
