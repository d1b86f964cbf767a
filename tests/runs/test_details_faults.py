"""What goes wrong with details has a defined outcome, and never costs an operation."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pytest

from comms_source.api.details import NO_OPERATION
from comms_source.channels import CHANNELS, Channel
from comms_source.destinations.stored_details import current_details_work
from comms_source.errors import CredentialsRefused, DetailsUnavailable, FilterIgnored
from comms_source.extract.channel_run import ChannelRun
from comms_source.extract.details_run import DetailsRun
from comms_source.extract.parallel_scans import OnError, PageLimit
from comms_source.extract.run_stats import RunStats
from comms_source.extract.session import Session
from comms_source.sandbox import Fault, Sandbox
from comms_source.tables.operations import operations_table
from tests.runs.details_world import (
    ALL,
    asked,
    not_delivered,
    operations_asked,
    outcomes,
    small,
    stored_resources,
    true_resources,
)
from tests.support import load, session_for, stored, true

REFUSALS: Final = ("forbidden", "not_found", "method_not_allowed")


@pytest.fixture
def few() -> Iterator[Sandbox]:
    """A sandbox with a few operations of each channel."""
    with small() as serving:
        yield serving


class Read(NamedTuple):
    """What was read of details, before it is loaded."""

    stats: RunStats
    tables: Mapping[str, list[dict[str, Any]]]
    """The rows by table."""

    def ids(self, channel: str) -> list[str]:
        """The ids of a channel's resources."""
        return [row["id"] for row in self.tables.get(channel, [])]


def meet(sandbox: Sandbox, *faults: Fault, on_error: OnError = "continue", **changes: Any) -> Read:
    """Read operations without faults, then their details with `faults`; nothing is loaded."""
    given = {"details": ["resources"], "timeout": timedelta(seconds=2), **changes}
    session = session_for(sandbox, **given)
    fresh = {each.name: operations(session, each) for each in session.settings.selected}
    sandbox.faults.replace(faults)
    sandbox.requests.clear()
    work = current_details_work(settings=session.settings, now=session.now, fresh=fresh)
    run = DetailsRun(work=work, session=session, on_error=on_error)
    tables: dict[str, list[dict[str, Any]]] = {}
    for piece in run.scan():
        tables.setdefault(piece.spec.name, []).extend(piece.rows.to_pylist())
    return Read(session.stats, tables)


def operations(session: Session, channel: Channel) -> pa.Table:
    """The operations of a channel."""
    run = ChannelRun(channel=channel, session=session, on_error="raise")
    run.open({})
    pieces = [piece for piece in run.scan(PageLimit()) if piece.spec is operations_table(channel)]
    return pa.concat_tables([piece.rows for piece in pieces])


def assert_all_read(sandbox: Sandbox, read: Read, *channels: str) -> None:
    """Every resource of these channels (by default all) was read, each once."""
    for channel in channels or CHANNELS:
        assert sorted(read.ids(channel)) == sorted(true_resources(sandbox, channel))


@pytest.mark.parametrize("kind", REFUSALS)
def test_no_list_of_errors_is_said_once_and_nothing_is_missing(
    few: Sandbox, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One request a channel; the attempts of messages are read all the same; exit code 0."""
    with caplog.at_level(logging.INFO, logger="comms_source"):
        read = meet(few, Fault(kind=kind, endpoint="errors"), details=["errors"])

    assert read.stats.exit_code == 0
    assert asked(few)["errors"] == len(CHANNELS)
    assert caplog.text.count("details (errors)") == len(CHANNELS)
    for channel in CHANNELS:
        assert read.stats.channels[channel].details.unavailable.keys() == {"errors"}
    failing = {row["id"] for row in few.truth("messages") if not_delivered(row)}
    assert {row["operation_id"] for row in read.tables["message_attempts"]} == failing
    recorded = read.tables["operation_details"]
    assert {row["operation_id"] for row in recorded} == failing
    assert "operation_errors" not in read.tables
    emails = read.stats.channels["emails"].details
    assert emails.operations == 0
    assert ("credentials (403" in emails.unavailable["errors"]) == (kind == "forbidden")


@pytest.mark.slow
def test_what_the_api_does_not_offer_does_not_expire() -> None:
    """Errors that no run could have read are no loss."""
    with small(errors_endpoint=False) as sandbox:
        changes: dict[str, Any] = {"channels": ["emails"], "details": ["errors"]}
        assert load(sandbox, **changes).exit_code == 0
        sandbox.clock.advance(timedelta(days=8))

        late = load(sandbox, **changes).stats.channels["emails"].details

    assert (late.complete, late.expired) == (True, 0)
    assert not outcomes()


@pytest.mark.slow
def test_refused_lists_cost_no_operation(few: Sandbox) -> None:
    """Exit code 3, with a reason; no more is requested of the channel than was under way."""
    few.faults.replace([Fault(kind="forbidden", endpoint="resources")])

    summary = load(few, details=["resources"], concurrency=2)

    assert summary.exit_code == 3
    assert all(stored(channel) == true(few, channel) for channel in CHANNELS)
    assert not any(stored_resources(channel) for channel in CHANNELS)
    assert asked(few)["resources"] <= 4 * len(CHANNELS)
    said = [line for line in summary.lines() if "details (resources): " in line]
    assert len(said) == len(CHANNELS)
    assert all("403" in line for line in said)
    assert not outcomes()


@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize(
    ("details", "said"),
    [(["tags"], "tags"), (["errors"], "resources"), (["resources", "errors"], "resources")],
)
def test_a_refused_list_is_incomplete_for_each_kind(
    few: Sandbox, kind: str, details: list[str], said: str
) -> None:
    """Only the list of errors may be missing."""
    fault = Fault(kind=kind, endpoint="resources")

    read = meet(few, fault, details=details, channels=["messages"])

    assert read.stats.exit_code == 3
    assert read.stats.channels["messages"].details.unavailable.keys() == {said}
    assert not read.tables


def test_a_refusal_fails_the_extract_of_a_library_user(few: Sandbox) -> None:
    """Unless it goes on with what it has; the list of errors never does."""
    fault = Fault(kind="forbidden", endpoint="resources")
    with pytest.raises(DetailsUnavailable, match="403"):
        meet(few, fault, on_error="raise")

    fault = Fault(kind="not_found", endpoint="errors")
    assert meet(few, fault, on_error="raise", details=["errors"]).stats.exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("details", [["resources"], ["tags"], ["errors"]])
def test_an_ignored_filter_loads_nothing_of_another_operation(details: list[str]) -> None:
    """The API ignores names that it does not know; each row says where it belongs."""
    with small(operations_per_week=30) as sandbox:
        fault = Fault(kind="ignored_filter", endpoint="resources")

        read = meet(sandbox, fault, details=details, channels=["messages"])

        (said,) = read.stats.channels["messages"].details.unavailable.values()
        assert read.stats.exit_code == 3
        assert "ignores operationId" in said
        belongs = {key: row[2] for key, row in true_resources(sandbox, "messages").items()}
    for row in read.tables.get("messages", []):
        assert belongs[row["id"]] == row["operation_id"]
    for row in read.tables.get("message_attempts", []):
        assert belongs[row["message_id"]] == row["operation_id"]


@pytest.mark.parametrize("settings", [{"related": False}, {"email_related": False}])
def test_an_ignored_filter_is_found_where_rows_do_not_say_where_they_belong(
    settings: dict[str, Any],
) -> None:
    """The list is requested once for an operation that does not exist, and has rows."""
    with small(**settings) as sandbox:
        fault = Fault(kind="ignored_filter", endpoint="resources")

        read = meet(sandbox, fault, channels=["emails"])

        (said,) = read.stats.channels["emails"].details.unavailable.values()
        assert read.stats.exit_code == 3
        assert "an operation that does not exist" in said
        assert not read.ids("emails")
        probes = [each.parameters["operationId"] for each in sandbox.requests]
        assert probes.count(NO_OPERATION) == 1


def test_lists_whose_rows_do_not_say_where_they_belong_are_read() -> None:
    """Once a request for an operation that does not exist has shown that the filter works."""
    with small(related=False) as sandbox:
        read = meet(sandbox)

        assert read.stats.exit_code == 0
        assert_all_read(sandbox, read)
        probes = [each.parameters["operationId"] for each in sandbox.requests]
        assert probes.count(NO_OPERATION) == len(CHANNELS)


def test_some_rows_may_lack_related(few: Sandbox) -> None:
    """The others of their page do not prove them right; one more request does."""
    read = meet(few, Fault(kind="row_without_related", rows=3))

    assert read.stats.exit_code == 0
    assert_all_read(few, read)
    assert NO_OPERATION in operations_asked(few)


def test_one_row_of_another_operation_is_one_too_many(few: Sandbox) -> None:
    """Nothing of its list is loaded."""
    fault = Fault(kind="row_of_another_operation", channel="emails", rows=7)

    read = meet(few, fault)

    assert read.stats.exit_code == 3
    assert not read.ids("emails")
    assert_all_read(few, read, "messages", "push_notifications")


def test_an_ignored_filter_fails_the_extract_of_a_library_user(few: Sandbox) -> None:
    """By its name."""
    with pytest.raises(FilterIgnored, match=r"^messages: "):
        meet(
            few,
            Fault(kind="ignored_filter", endpoint="resources"),
            on_error="raise",
            channels=["messages"],
        )


@pytest.mark.parametrize("envelope", ["notifications", "pushNotifications", "data"])
def test_push_notifications_are_read_below_each_name(envelope: str) -> None:
    """The documents disagree about it."""
    with small(push_envelope=envelope) as sandbox:
        read = meet(sandbox, channels=["push_notifications"])

        assert read.stats.exit_code == 0
        assert_all_read(sandbox, read, "push_notifications")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="duplicate_row", rows=3),
        Fault(kind="repeat_token", endpoint="resources", count=1),
    ],
)
def test_a_resource_that_is_listed_twice_is_one_row(few: Sandbox, fault: Fault) -> None:
    """On one page or on two; it counts once, with its tags too."""
    read = meet(few, fault, channels=["emails"], page_size=50, details_requests=10**6)

    assert read.stats.exit_code == 0
    assert_all_read(few, read, "emails")
    counts: Counter[str] = Counter()
    for row in read.tables["operation_tags"]:
        counts[row["operation_id"]] = max(counts[row["operation_id"]], row["resources"])
    sizes = Counter(row["operation_id"] for row in read.tables["emails"])
    assert all(count <= sizes[name] for name, count in counts.items())


def test_unknown_statuses_and_fields_are_read(few: Sandbox) -> None:
    """A status is kept; a field is named, and its text is not kept."""
    faults = [
        Fault(kind="unknown_status", endpoint="resources", rows=3),
        Fault(kind="new_field", endpoint="resources", rows=2, name="note"),
    ]

    read = meet(few, *faults, channels=["messages"])

    assert read.stats.exit_code == 0
    assert_all_read(few, read, "messages")
    assert "PAUSED" in {row["status"] for row in read.tables["messages"]}
    assert read.stats.channels["messages"].details.new_fields == {"note"}
    assert {row["extra"] for row in read.tables["messages"]} == {None}


@pytest.mark.parametrize(
    ("kind", "fetches"), [("unknown_status", False), ("lower_case_status", True)]
)
def test_only_messages_that_failed_are_fetched(few: Sandbox, kind: str, fetches: bool) -> None:
    """By the status in each row, not by the filter alone; the others are counted."""
    fault = Fault(kind=kind, endpoint="resources", rows=1)

    read = meet(few, fault, details=["errors"], channels=["messages"], errors_per_operation=2)

    failing = [count for count in map(not_delivered, few.truth("messages")) if count]
    fetched = sum(min(2, count) for count in failing) if fetches else 0
    assert asked(few)["resource"] == read.stats.channels["messages"].details.attempts == fetched
    left = [row["not_asked"] for row in read.tables["operation_details"]]
    assert sum(left) == sum(failing) - fetched


def test_a_row_that_cannot_be_read_is_counted(few: Sandbox) -> None:
    """With its operation, and in the summary; the others are read."""
    fault = Fault(kind="row_without_id", endpoint="resources", rows=10)

    read = meet(few, fault, channels=["emails"])

    details = read.stats.channels["emails"].details
    truth = true_resources(few, "emails")
    assert details.rejected > 0
    assert details.rejected + len(read.ids("emails")) == len(truth)
    recorded = [row for row in read.tables["operation_details"] if row["kind"] == "resources"]
    assert sum(row["rejected"] for row in recorded) == details.rejected


def test_pages_that_do_not_end_fail_their_operation(few: Sandbox) -> None:
    """By name, without an endless loop; other channels are read."""
    read = meet(few, Fault(kind="repeat_token", endpoint="resources", channel="emails"))

    details = read.stats.channels["emails"].details
    assert read.stats.exit_code == 3
    assert details.failures.keys() == {row["id"] for row in few.truth("emails")}
    assert all("page token for the second time" in said for said in details.failures.values())
    assert not read.ids("emails")
    assert_all_read(few, read, "messages", "push_notifications")


def test_errors_that_do_not_end_fail_their_operation(few: Sandbox) -> None:
    """In the same way."""
    read = meet(few, Fault(kind="repeat_token", endpoint="errors"), details=["errors"])

    failing = {row["id"] for row in few.truth("emails") if not_delivered(row)}
    assert read.stats.exit_code == 3
    assert read.stats.channels["emails"].details.failures.keys() == failing
    assert "operation_errors" not in read.tables


@pytest.mark.parametrize("kind", ["internal_error", "bad_gateway", "reset", "cut", "cut_json"])
def test_a_fault_that_passes_is_retried(few: Sandbox, kind: str) -> None:
    """Nothing is missing after."""
    faults = [
        Fault(kind=kind, endpoint="resources", first=2, count=1),
        Fault(kind=kind, endpoint="resource", first=2, count=1),
        Fault(kind=kind, endpoint="errors", count=1),
    ]

    read = meet(few, *faults, details=ALL, channels=["messages"])

    assert read.stats.exit_code == 0
    assert read.stats.retries == 3
    assert_all_read(few, read, "messages")


def test_a_fault_that_stays_fails_its_operation_alone(few: Sandbox) -> None:
    """It is named, and is due again in the next run; half of its pages are not kept."""
    fault = Fault(kind="internal_error", endpoint="resources", first=3, count=2)

    read = meet(few, fault, channels=["emails"], concurrency=1)

    (failed,) = read.stats.channels["emails"].details.failures
    assert read.stats.exit_code == 3
    assert failed in {row["id"] for row in few.truth("emails")}
    expected = {key for key, row in true_resources(few, "emails").items() if row[2] != failed}
    assert set(read.ids("emails")) == expected
    assert failed not in {row["operation_id"] for row in read.tables["operation_details"]}


def test_refused_credentials_stop_the_run(few: Sandbox) -> None:
    """They may have been revoked meanwhile."""
    with pytest.raises(CredentialsRefused):
        meet(few, Fault(kind="unauthorized", endpoint="resources", first=3))


@pytest.mark.parametrize("requests", [1, 7, 40])
@pytest.mark.parametrize("settings", [{}, {"related": False}, {"short_pages": True}])
def test_a_run_never_sends_more_requests_than_allowed(
    requests: int, settings: dict[str, Any]
) -> None:
    """Also where pages are short, or more has to be asked than was planned."""
    with small(**settings) as sandbox:
        read = meet(sandbox, details=ALL, details_requests=requests, page_size=100)

        assert asked(sandbox).total() <= requests
        details = [read.stats.channels[channel].details for channel in CHANNELS]
        assert sum(each.requests for each in details) == asked(sandbox).total()
        known = sum(len(sandbox.truth(channel)) for channel in CHANNELS)
        assert sum(each.operations + each.waiting for each in details) == known
        assert not any(each.failures for each in details)


def test_an_operation_larger_than_the_budget_waits(few: Sandbox) -> None:
    """It is counted in each run, and nothing of it is half loaded."""
    read = meet(few, channels=["emails"], details_requests=1, page_size=10)

    sizes = {row["id"]: len(few.resource_truth("emails", row["id"])) for row in few.truth("emails")}
    assert {row["operation_id"] for row in read.tables.get("emails", [])} <= {
        name for name, size in sizes.items() if size <= 10
    }
    assert read.stats.channels["emails"].details.waiting >= len(sizes) - 1


@pytest.mark.slow
def test_what_a_budget_leaves_over_is_read_by_the_next_runs(few: Sandbox) -> None:
    """Nothing twice, until nothing waits; waiting is no failure."""
    operations_of = {row["id"] for row in few.truth("emails")}
    seen: list[str] = []
    for _ in itertools.count():
        few.requests.clear()
        summary = load(few, channels=["emails"], details=["tags"], details_requests=5)
        assert summary.exit_code == 0
        assert asked(few).total() <= 5
        seen += operations_asked(few)
        if not summary.stats.channels["emails"].details.waiting:
            break

    assert sorted(seen) == sorted(operations_of)


def test_messages_that_are_refused_by_id_are_reported(few: Sandbox) -> None:
    """One request finds out; their errors do not count as read, and the run is incomplete."""
    fault = Fault(kind="forbidden", endpoint="resource")

    read = meet(few, fault, details=["errors"], channels=["messages"])

    assert read.stats.exit_code == 3
    assert read.stats.channels["messages"].details.unavailable.keys() == {"attempts"}
    assert not [row for row in read.tables.get("operation_details", []) if row["kind"] == "errors"]


@pytest.mark.slow
def test_a_list_of_errors_that_is_missing_takes_no_budget_from_the_rest(few: Sandbox) -> None:
    """It is requested once a run, although many operations failed; the rest of it reads tags."""
    few.faults.replace([Fault(kind="not_found", endpoint="errors")])
    operations = len(few.truth("emails"))
    given: dict[str, Any] = {"channels": ["emails"], "details_requests": operations // 2 + 2}
    read = [load(few, details=["tags", "errors"], **given).exit_code for _ in range(2)]

    assert read == [0, 0]
    tagged = sum(count for (_, kind, _), count in outcomes().items() if kind == "tags")
    assert tagged == operations
