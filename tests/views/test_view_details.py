"""What a person concludes from the views of details, each from rows written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import duckdb
import pytest

from comms_source.views.settings import CounterMode
from tests.views.detail_rows import attempts, error, read, resources, tag
from tests.views.view_tables import (
    DEFAULTS,
    NOON,
    NOW,
    Operation,
    Record,
    State,
    counted,
    operations_of,
    pinned,
    records,
    warehouse,
)
from tests.views.view_worlds import DAY, HOUR, TICK, World, put_world


@contextmanager
def details(
    *operations: Operation, mode: CounterMode | None = None, **rows: Any
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse with these operations and rows of details."""
    settings = pinned({"messages": mode}) if mode else DEFAULTS
    with warehouse(settings=settings) as db:
        put_world(db, World(operations=operations, **rows))
        yield db


def send(name: str, channel: str = "messages", **counters: int) -> Operation:
    """A completed operation that was last read just before its details."""
    return replace(counted(channel, **counters), id=name, synced_at=NOW - HOUR)


def by(
    db: duckdb.DuckDBPyConnection, view: str, key: Sequence[str], *columns: str
) -> dict[Any, Any]:
    """Some columns of a view, by others."""

    def values(row: Record, names: Sequence[str]) -> Any:
        found = tuple(row[name] for name in names)
        return found[0] if len(names) == 1 else found

    return {
        values(row, key): values(row, columns) for row in records(db, f"select * from comms.{view}")
    }


# By tag


def test_a_campaign_is_rated_over_its_operations() -> None:
    """Two sends of spring and one of autumn: the rates are those of the sums of each."""
    sends = [
        send("a", total=100, delivered=90, undelivered=10),
        send("b", total=300, delivered=300),
        send("c", total=10, failed=10),
    ]
    seasons = {"a": "spring", "b": "spring", "c": "autumn"}
    tags = [tag("campaign", value, operation=name) for name, value in seasons.items()]
    with details(
        *sends, tags=tags, details=[read("tags", operation=name) for name in seasons]
    ) as db:
        found = by(db, "delivery_by_tag", ["value"], "operations", "requested", "delivery_rate")
        (row, *_) = records(db, "select * from comms.delivery_by_tag where value = 'spring'")
    assert found == {"spring": (2, 400, 0.975), "autumn": (1, 10, 0.0)}
    assert (row["tag"], row["account"], row["channel"]) == ("campaign", "acme", "messages")
    assert (row["not_delivered"], row["resources"], row["resource_delivery_rate"]) == (
        10,
        None,
        None,
    )


def test_a_tag_that_differs_by_recipient_is_rated_by_its_resources() -> None:
    """Half of a send is variant a, all delivered, and half is b, all undelivered.

    The counters of the send are in neither row, since they would show 50 % for both.
    """
    shown = send("op", total=4, delivered=2, undelivered=2)
    half: Record = {"tags": '{"campaign":"spring","variant":"a"}'}
    other: Record = {"tags": '{"variant": "b", "campaign": "spring"}'}
    with details(
        shown,
        resources=[
            *resources("DELIVERED", "READ", **half),
            *resources("UNDELIVERED", "FAILED", first=2, **other),
        ],
        tags=[
            tag("campaign", "spring", of=4),
            tag("variant", "a", of=2),
            tag("variant", "b", of=2),
        ],
        details=[read("resources", resources=4)],
    ) as db:
        rates = by(db, "delivery_by_tag", ["tag", "value"], "delivery_rate")
        figures = ("operations", "partial_operations", "requested", "resources")
        found = by(db, "delivery_by_tag", ["value"], *figures)
        by_resources = by(db, "delivery_by_tag", ["value"], "resource_delivery_rate")
    assert rates == {("campaign", "spring"): 0.5, ("variant", "a"): None, ("variant", "b"): None}
    assert found == {"spring": (1, 0, 4, 4), "a": (0, 1, None, 2), "b": (0, 1, None, 2)}
    assert by_resources == {"spring": 0.5, "a": 1.0, "b": 0.0}


def test_resources_that_cannot_be_found_by_their_tag_have_no_rate() -> None:
    """Two carry the tag, and the tags of one only are stored: not 0 %, and not 100 % of one."""
    with details(
        send("op", total=3, delivered=3),
        resources=[
            *resources("DELIVERED", tags='{"variant":"a"}'),
            *resources("DELIVERED", "DELIVERED", first=1),
        ],
        tags=[tag("variant", "a", of=2)],
        details=[read("resources", resources=3)],
    ) as db:
        (row,) = records(db, "select * from comms.delivery_by_tag")
    assert (row["resources"], row["resources_delivered"], row["resource_delivery_rate"]) == (
        2,
        None,
        None,
    )


def test_sends_without_tags_and_without_details_are_counted_apart() -> None:
    """One is known to have no tag; of two, nothing is known, so a share says of what it is.

    What was sent before the first details were read is not expected to have any.
    """
    old = replace(send("old", total=1, delivered=1), created_at=NOON - DAY)
    sends = [send(name, total=10, delivered=10) for name in ("tagged", "plain", "new", "late")]
    with details(
        *sends,
        old,
        tags=[tag("campaign", "spring", operation="tagged")],
        details=[
            read("tags", operation="tagged"),
            read("tags", operation="plain"),
            read("tags", operation="new", outcome="empty"),
            read("tags", operation="late", outcome="expired", read_at=None),
        ],
    ) as db:
        figures = ("operations", "requested", "operations_without_details")
        found = by(db, "delivery_by_tag", ["tag", "value"], *figures)
    assert found == {("campaign", "spring"): (1, 10, 2), ("(none)", "(none)"): (1, 10, 2)}


# By sender


def test_a_sender_is_that_of_the_first_resource_unless_all_were_read() -> None:
    """An operation whose first resource only was looked at counts for that sender as a whole."""
    sender = {"sub_channel": "SMS", "sender": "+15550001", "sender_id": "s1"}
    with details(
        send("op", total=10, delivered=8, undelivered=2),
        details=[read("tags", sender_pool_id="pool", **sender)],
    ) as db:
        (row,) = records(db, "select * from comms.delivery_by_sender")
    assert {name: row[name] for name in sender} == sender
    assert (row["sender_pool_id"], row["operations"], row["delivery_rate"]) == ("pool", 1, 0.8)
    assert row["resources"] is None


def test_a_fallback_counts_for_the_sender_that_it_ended_with() -> None:
    """Three messages went by RCS, and one fell back on SMS: each sender has its own rate."""
    rcs: Record = {"sub_channel": "RCS", "sender": "brand"}
    sms: Record = {"sub_channel": "SMS", "sender": "+15550001"}
    with details(
        send("op", total=4, delivered=3, undelivered=1),
        resources=[
            *resources("DELIVERED", "DELIVERED", "READ", **rcs),
            *resources("UNDELIVERED", first=3, **sms),
        ],
        details=[read("tags", **rcs), read("resources", resources=4)],
    ) as db:
        figures = ("operations", "partial_operations", "resources", "resource_delivery_rate")
        found = by(db, "delivery_by_sender", ["sub_channel", "sender"], *figures)
    assert found == {("RCS", "brand"): (0, 1, 3, 1.0), ("SMS", "+15550001"): (0, 1, 1, 0.0)}


def test_the_resources_of_pushes_have_no_delivery_rate() -> None:
    """Whether a push arrived is not known, so sent is not 0 % delivered."""
    with details(
        send("op", "push_notifications", total=2, sent=2),
        resources=resources("SENT", "SENT", channel="push_notifications"),
        details=[read("resources", channel="push_notifications", resources=2)],
    ) as db:
        (row,) = records(db, "select * from comms.delivery_by_sender")
    assert (row["acceptance_rate"], row["resources"]) == (1.0, 2)
    assert (row["resources_delivered"], row["resource_delivery_rate"]) == (None, None)


# Why sends failed


def test_the_last_attempt_is_why_a_message_failed() -> None:
    """RCS was not there for any of three, and SMS failed for two: one was saved by the fallback."""
    with details(
        send("op", total=3),
        resources=resources("UNDELIVERED", "UNDELIVERED", "DELIVERED"),
        attempts=[
            row
            for number, last in enumerate((30003, 30003, None))
            for row in attempts(61337, last, message=f"op-{number}")
        ],
        details=[read("errors")],
    ) as db:
        figures = ("place", "resources", "share", "recovered", "earlier")
        found = by(db, "error_codes", ["error_code"], *figures)
        (row,) = records(db, "select * from comms.error_codes where error_code = 30003")
    assert found == {30003: (1, 2, 1.0, 0, 0), 61337: (2, 0, 0.0, 1, 2)}
    assert row["cause"] == "The recipient's phone is switched off or out of reach"
    assert row["error_url"] == "https://www.twilio.com/docs/api/errors/30003"
    assert (row["first_seen_at"], row["last_seen_at"]) == (NOON + HOUR, NOON + HOUR)


def test_a_sample_says_that_it_is_one() -> None:
    """Twenty of 500 were asked, and 480 were not: three quarters of the sample, not of all."""
    asked = [
        row
        for number in range(20)
        for row in attempts(30003 if number % 4 else 30007, message=f"op-{number}")
    ]
    with details(
        send("op", total=500, undelivered=500),
        attempts=asked,
        details=[read("errors", not_asked=480)],
    ) as db:
        figures = ("share", "resources", "asked", "not_asked")
        found = by(db, "error_codes", ["error_code"], *figures)
    assert found == {30003: (0.75, 15, 20, 480), 30007: (0.25, 5, 20, 480)}


def test_a_kind_says_whether_it_was_sent() -> None:
    """A recipient who unsubscribed was not sent to; a phone that is off was; a code may be both."""
    codes = {21610: ["FAILED"], 30003: ["UNDELIVERED"], 30008: ["FAILED", "UNDELIVERED"]}
    rows = [
        row
        for code, statuses in codes.items()
        for status in statuses
        for row in attempts(code, message=f"{code} {status}", status=status)
    ]
    with details(send("op", total=4), attempts=rows, details=[read("errors")]) as db:
        found = by(db, "error_codes", ["error_code"], "kind", "failed", "undelivered")
    assert found == {
        21610: ("failed", 1, 0),
        30003: ("undelivered", 0, 1),
        30008: ("both", 1, 1),
    }


@pytest.mark.parametrize(
    ("recipients", "hit"),
    [(("ann", "ann", "bob"), 2), ((None, None, None), 3), (("ann", "ann", None), 2)],
)
def test_a_recipient_is_hit_once(recipients: Sequence[str | None], hit: int) -> None:
    """Two failed messages to one person are one recipient; without addresses, each counts."""
    rows = [
        row
        for number, recipient in enumerate(recipients)
        for row in resources("UNDELIVERED", first=number, recipient=recipient)
    ]
    errors = [row for each in rows for row in attempts(30003, message=each["id"])]
    with details(
        send("op", total=3), resources=rows, attempts=errors, details=[read("errors")]
    ) as db:
        found = by(db, "error_codes", ["error_code"], "resources", "recipients", "operations")
    assert found == {30003: (3, hit, 1)}


def test_an_unknown_code_has_the_words_of_the_api() -> None:
    """And a failure without a code is not left out."""
    rows = [
        *attempts(99999, message="one", error_message="Something new."),
        *attempts(None, message="two", error_message="No code."),
    ]
    with details(send("op", total=2), attempts=rows, details=[read("errors")]) as db:
        found = by(db, "error_codes", ["error_code"], "cause", "resources", "error_url")
    assert found == {
        99999: ("Something new.", 1, "https://www.twilio.com/docs/api/errors/99999"),
        None: ("No code.", 1, None),
    }


def test_emails_have_the_codes_of_the_list_of_errors() -> None:
    """Messages have attempts, so the list is not counted a second time for them."""
    errors = [error(21211, 7, channel=channel) for channel in ("emails", "messages")]
    kinds = [read("errors", channel=channel) for channel in ("emails", "messages")]
    with details(send("op", "emails", total=9), errors=errors, details=kinds) as db:
        figures = ("error_code", "resources", "operations", "recipients", "kind")
        found = by(db, "error_codes", ["channel"], *figures)
    assert found == {"emails": (21211, 7, 1, 7, None)}


@pytest.mark.parametrize(("age", "shown"), [(30 * DAY, True), (30 * DAY + TICK, False)])
def test_causes_are_those_of_thirty_days(age: Any, shown: bool) -> None:
    """What failed before is history, and was not asked about either."""
    kinds = [read("errors", created_at=NOW - age), read("errors", operation="other", not_asked=3)]
    rows = [*attempts(30003), *attempts(30007, message="other-0", operation="other")]
    with details(attempts=rows, details=kinds) as db:
        found = by(db, "error_codes", ["error_code"], "asked", "not_asked")
    assert found == ({30003: (2, 3), 30007: (2, 3)} if shown else {30007: (1, 3)})


# Counters beside resources

AMBIGUOUS: Final[dict[str, Any]] = {"total": 10, "sent": 5, "delivered": 3, "read": 2}
EXCLUSIVE: Final = ("SENT",) * 5 + ("DELIVERED",) * 3 + ("READ",) * 2
CUMULATIVE: Final = (*("SENT",) * 2, "DELIVERED", *("READ",) * 2, *("GROUP",) * 5)
"""Five are messages to groups, which no counter counts but `total`."""


@pytest.mark.parametrize(
    ("statuses", "agrees", "mode"),
    [(EXCLUSIVE, (True, False), "exclusive"), (CUMULATIVE, (False, True), "cumulative")],
)
def test_resources_settle_the_counter_mode(
    statuses: Sequence[str], agrees: tuple[bool, bool], mode: str
) -> None:
    """The counters fit both modes; how many messages were read in truth decides between them."""
    shown = send("op", **AMBIGUOUS)
    with details(shown) as db:
        (before,) = operations_of(db)
    with details(
        shown,
        resources=resources(*statuses),
        details=[read("resources", resources=len(statuses))],
    ) as db:
        (row,) = records(db, "select * from comms.operation_reconciliation")
        (evidence,) = records(db, "select * from comms.counter_mode_evidence")
        (modes,) = records(db, "select * from comms.counter_modes")
        (after,) = operations_of(db)
    assert (row["agrees_exclusive"], row["agrees_cumulative"], row["difference"]) == (*agrees, 0)
    assert (evidence["resource_mode"], evidence["compared_operations"]) == (mode, 1)
    assert (modes["counter_mode"], modes["decided_by"]) == (mode, "resources")
    assert (before["counter_mode"], before["delivered"]) == ("undecided", None)
    assert (after["counter_mode"], after["delivered"]) == (mode, 5 if agrees[0] else 3)


def test_a_pinned_mode_wins_over_resources() -> None:
    """The setting overrules them, and the evidence against it stays visible."""
    with details(
        send("op", **AMBIGUOUS),
        mode="cumulative",
        resources=resources(*EXCLUSIVE),
        details=[read("resources", resources=10)],
    ) as db:
        (evidence,) = records(db, "select * from comms.counter_mode_evidence")
        (shown,) = operations_of(db)
    assert (evidence["resource_mode"], evidence["counter_mode"], evidence["decided_by"]) == (
        "exclusive",
        "cumulative",
        "setting",
    )
    assert shown["delivered"] == 3


def test_counters_that_fit_no_mode_are_shown_with_their_difference() -> None:
    """One message is missing from the counters, and nothing is decided by that."""
    with details(
        send("op", total=3, delivered=2),
        resources=resources("DELIVERED", "DELIVERED", "UNDELIVERED"),
        details=[read("resources", resources=3)],
    ) as db:
        (row,) = records(db, "select * from comms.operation_reconciliation")
        (evidence,) = records(db, "select * from comms.counter_mode_evidence")
    assert (row["agrees_exclusive"], row["agrees_cumulative"]) == (False, False)
    assert (row["difference"], row["undelivered"], row["resources_undelivered"]) == (1, 0, 1)
    assert (evidence["neither"], evidence["resource_mode"]) == (1, "undecided")


@pytest.mark.parametrize(
    ("changed", "compared"), [(NOW, True), (NOW + TICK, False), (NOW - HOUR, True)]
)
def test_only_operations_in_the_same_state_are_compared(changed: Any, compared: bool) -> None:
    """A change that was seen after the resources were read would look like a contradiction.

    An operation that was read again since, and had not changed, is still in the same state.
    """
    shown = replace(send("op", total=1, delivered=1), synced_at=NOW + HOUR)
    history = [State(shown=replace(shown, synced_at=changed), valid_from=changed)]
    with details(
        shown,
        states=history,
        resources=resources("DELIVERED"),
        details=[read("resources", resources=1)],
    ) as db:
        found = records(db, "select changed_at from comms.operation_reconciliation")
    assert found == ([{"changed_at": changed}] if compared else [])


@pytest.mark.parametrize("listed", [{"resources": 2}, {"resources": 1, "rejected": 1}])
def test_operations_with_missing_rows_are_not_compared(listed: Record) -> None:
    """A row that could not be read, or that is not stored, is no difference of the counters."""
    with details(
        send("op", total=2, delivered=2),
        resources=resources("DELIVERED"),
        details=[read("resources", **listed)],
    ) as db:
        assert records(db, "select * from comms.operation_reconciliation") == []


def test_resources_that_are_no_longer_listed_do_not_count() -> None:
    """A scheduled message whose recipient had no address stays in its table, as it was read."""
    with details(
        send("op", total=2, delivered=2),
        resources=[
            *resources("DELIVERED", "DELIVERED"),
            *resources("SCHEDULED", first=2, synced_at=NOW - HOUR),
        ],
        details=[read("resources", resources=2)],
    ) as db:
        (row,) = records(db, "select * from comms.operation_reconciliation")
    assert (row["agrees_exclusive"], row["resources_scheduled"]) == (True, 0)


# Overdue


@pytest.mark.parametrize(("late", "overdue"), [(HOUR, []), (HOUR + TICK, ["op"])])
def test_a_send_is_overdue_an_hour_after_its_last_resource_was_due(
    late: Any, overdue: list[str]
) -> None:
    """By the time that it was last read; one resource that is due later keeps it in time."""
    due = NOON + DAY
    shown = replace(send("op", total=2, scheduled=2), status="SCHEDULED", synced_at=due + late)
    rows = [
        *resources("SCHEDULED", scheduled_for=NOON),
        *resources("SCHEDULED", scheduled_for=due, first=1),
    ]
    with details(shown, resources=rows, details=[read("resources", resources=2)]) as db:
        found = records(db, "select * from comms.overdue_operations")
    assert [row["id"] for row in found] == overdue
    assert [(row["scheduled_for"], row["is_current"]) for row in found] == [
        (due, True) for _ in overdue
    ]


@pytest.mark.parametrize("status", ["PROCESSING", "COMPLETED", "CANCELED"])
def test_what_was_sent_is_not_overdue(status: str) -> None:
    """Only what is still scheduled is."""
    shown = replace(send("op", total=1), status=status)
    rows = resources("SENT", scheduled_for=NOON)
    with details(shown, resources=rows, details=[read("resources", resources=1)]) as db:
        assert records(db, "select * from comms.overdue_operations") == []
