"""The problems that the report finds: only real ones, and only while they can be acted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from comms_source.config.accounts import Account, Accounts
from comms_source.config.credentials import BasicCredentials
from comms_source.config.settings import Settings
from comms_source.errors import ConfigurationError
from comms_source.report.data.facts import Facts
from comms_source.report.findings.health import health_of
from comms_source.report.findings.problems import Concern, concerns_of
from tests.report.sample_data import (
    DAY,
    HOUR,
    NOW,
    Operation,
    Warehouse,
    coverage,
    facts_in,
    gap,
    messages,
    run,
    write,
)

pytestmark = pytest.mark.slow

READ = coverage(first=NOW - 15 * DAY, last=NOW)
ORDINARY = {"delivered": 85, "read": 5, "undelivered": 5, "failed": 3, "sent": 2}


def send(created_at: datetime, *, counters: Mapping[str, int]) -> Operation:
    """A hundred messages whose figures were all read soon after the request."""
    known = {"total": 100, "recipients": 100, "unaddressable": 1, **ORDINARY, **counters}
    return Operation(
        channel="messages",
        id=f"{created_at:%j%H}",
        created_at=created_at,
        counters=known,
        seen=[(0.1, known)],
    )


def account(lately: Mapping[str, int] | None = None, *, days: int = 13) -> list[Operation]:
    """A send each hour; the latest day, which ends three hours before now, has other counters."""
    instants = [NOW - (number + 0.5) * HOUR for number in range(24 * days)]
    young = NOW - 27 * HOUR
    return [send(at, counters=lately or {} if at > young else {}) for at in instants]


def facts_with(operations: Sequence[Operation], **records: Sequence[Mapping[str, Any]]) -> Facts:
    """The facts of a report on them; all was read completely unless `records` differ."""
    stored = {"coverage": READ, "runs": [run()], **records}
    write(Warehouse(operations=operations, records=stored))
    return facts_in(channels=["messages"])


def found(operations: Sequence[Operation], **records: Sequence[Mapping[str, Any]]) -> list[Concern]:
    """The problems that the report finds."""
    return concerns_of(facts_with(operations, **records))


def test_nothing_is_wrong_with_an_ordinary_account() -> None:
    """Every day is like the others, and all was read."""
    assert found(account()) == []


@pytest.mark.parametrize(
    ("lately", "kind", "text"),
    [
        ({"delivered": 45, "sent": 42}, "no_receipts", "42.0% of 2,400 messages"),
        ({"delivered": 65, "undelivered": 25}, "rate_down", "70.0% of 2,400 messages"),
        ({"delivered": 60, "failed": 30}, "rate_down", "60\N{EN DASH}65% of 2,400 messages"),
        ({"unaddressable": 10}, "unaddressable_up", "10.0% of 2,400 recipients"),
    ],
)
def test_one_trouble_is_one_concern(lately: dict[str, int], kind: str, text: str) -> None:
    """With its size, the usual value, the start and a remedy; a lost receipt is not a failure."""
    (concern,) = found(account(lately))

    assert (concern.kind, concern.level, concern.channels) == (kind, "act", ["messages"])
    assert concern.text.startswith(text)
    assert " of the 24 hours from " in concern.text
    assert "usual at this age is" in concern.text
    assert concern.since == NOW - 27 * HOUR
    assert concern.remedy


def test_few_sends_are_no_concern() -> None:
    """A rate over fewer resources than the alert volume is not significant."""
    few = [send(NOW - age * DAY - 4 * HOUR, counters={}) for age in range(1, 12)]
    bad = send(NOW - 4 * HOUR, counters={"delivered": 0, "undelivered": 90})

    assert found([*few, bad]) == []


def test_a_day_that_was_partly_read_is_not_compared() -> None:
    """The missing outcomes could be in the part that was not read."""
    half = coverage(first=NOW - 15 * DAY, last=NOW - 12 * HOUR)

    kinds = [each.kind for each in found(account({"delivered": 0, "sent": 87}), coverage=half)]
    assert "no_receipts" not in kinds


def test_days_that_froze_early_are_named_for_a_while() -> None:
    """From the end of their retention, for `alert_days`."""
    early = messages("e", created_at=NOW - 9 * DAY, delivered=1000, synced_at=NOW - 8 * DAY)
    (concern,) = found([*account(), early], coverage=read_early(NOW - 9 * DAY))

    assert (concern.kind, concern.level) == ("frozen", "look")
    assert "12 November froze early" in concern.text
    old = replace(early, created_at=NOW - 16 * DAY, synced_at=NOW - 15 * DAY)
    assert found([*account(), old], coverage=read_early(NOW - 16 * DAY)) == []


def read_early(start: datetime) -> list[dict[str, Any]]:
    """All was read, but the day from `start` on was last read soon after it."""
    soon = coverage(first=start, last=start + DAY, again=HOUR)
    created = {window["window_start"] for window in soon}
    return [*soon, *(window for window in READ if window["window_start"] not in created)]


def test_a_gap_is_a_concern_for_a_while() -> None:
    """It cannot be closed, so it is no longer reported when it is old."""
    lost = gap(NOW - 9 * DAY, NOW - 8 * DAY, channel="messages", found_at=NOW - DAY)
    (concern,) = found(account(), gaps=[lost])

    assert (concern.kind, concern.level, concern.since) == ("gap", "act", NOW - DAY)
    assert concern.text.startswith("24 h of sends were never read, 12 Nov, 18:00")
    assert found(account(), gaps=[{**lost, "found_at": NOW - 8 * DAY}]) == []


@pytest.mark.parametrize(
    ("status", "text"),
    [("PROCESSING", "being processed for longer"), ("COMPLETED", "were never sent")],
)
def test_what_is_stuck_is_a_concern_for_a_while(status: str, text: str) -> None:
    """As long as it is new enough for an alert."""
    stuck = messages("s", created_at=NOW - 30 * HOUR, delivered=1, queued=1, status=status)
    (concern,) = found([*account(), stuck])

    assert (concern.kind, concern.level) == ("stuck", "act")
    assert concern.text.startswith("1 operation ")
    assert text in concern.text
    old = replace(stuck, created_at=NOW - 8 * DAY)
    assert found([*account(), old]) == []


REJECTED = {
    "row_key": "1",
    "account": "acme",
    "channel": "messages",
    "operation_id": None,
    "reason": "the id is missing",
    "raw": "{}",
    "synced_at": NOW - DAY,
}


def test_rejected_rows_are_a_concern_for_a_while() -> None:
    """They are not in any figure."""
    (concern,) = found(account(), rejected_operations=[REJECTED])

    assert (concern.kind, concern.level) == ("rejected", "look")
    assert concern.text.startswith("1 row ")
    assert found(account(), rejected_operations=[REJECTED | {"synced_at": NOW - 8 * DAY}]) == []


def test_rejected_rows_that_are_dealt_with_are_no_concern() -> None:
    """Their operation was read well later, or a person has acknowledged them."""
    (*_, sent) = account()
    bad = {**REJECTED, "operation_id": sent.id, "synced_at": NOW - HOUR}
    known = {
        "account": "acme",
        "channel": "messages",
        "subject": sent.id,
        "acknowledged_at": NOW,
    }
    early = [replace(each, synced_at=NOW - 2 * HOUR) for each in account()]

    assert found(account(), rejected_operations=[bad]) == []
    (concern,) = found(early, rejected_operations=[bad])
    assert (concern.kind, concern.remedy[:18]) == ("rejected", "run comms rejected")
    assert found(early, rejected_operations=[bad], acknowledged_rejections=[known]) == []


@pytest.mark.parametrize(
    ("age", "kind", "level"),
    [(2 * DAY, "stale", "look"), (6 * DAY + HOUR, "deadline", "act"), (8 * DAY, "deadline", "act")],
)
def test_old_data_is_a_concern(age: timedelta, kind: str, level: str) -> None:
    """First because it is stale, then because figures freeze and sends are lost."""
    read = coverage(first=NOW - age - 2 * DAY, last=NOW - age, now=NOW - age)
    operations = [each for each in account() if each.created_at < NOW - age]
    concerns = found([replace(each, synced_at=NOW - age) for each in operations], coverage=read)

    assert (kind, level) in [(each.kind, each.level) for each in concerns]
    assert not {"rate_down", "no_receipts"} & {each.kind for each in concerns}


def test_a_run_that_failed_is_a_concern() -> None:
    """Even if everything was read before."""
    (concern,) = found(account(), runs=[run(outcome="failed")])

    assert (concern.kind, concern.level) == ("run_failed", "look")


@pytest.mark.parametrize(("ago", "kinds"), [(35 * HOUR, []), (37 * HOUR, ["run_failed"])])
def test_a_run_in_progress_is_no_concern(ago: timedelta, kinds: list[str]) -> None:
    """Until it has taken so long that it must have died."""
    assert [each.kind for each in found(account(), runs=[run(outcome="running", ago=ago)])] == kinds


def configuration(*names: str, channels: Sequence[str] = ("messages",)) -> Accounts:
    """A configuration that names these accounts, or one without a name."""
    settings = Settings(credentials=BasicCredentials("AC1", "secret"), channels=channels)
    accounts = [Account(name, settings, section=name) for name in names]
    return Accounts(accounts or [Account("default", settings)], several=bool(names))


def lost_account(age: timedelta, configured: Accounts | None) -> list[str]:
    """The kinds of problems of an account whose last run, which failed, was so long ago."""
    read = coverage(first=NOW - age - DAY, last=NOW - age, now=NOW - age)
    failed = {**run(outcome="failed", ago=age), "channels": '{"messages": {}}'}
    write(Warehouse(records={"coverage": read, "runs": [failed]}))
    facts = facts_in(channels=["messages"], configured=configured)
    return [each.kind for each in concerns_of(facts)]


def test_an_account_that_is_no_longer_configured_is_no_concern() -> None:
    """Once its last run is `alert_days` old: nobody can act on what it lost."""
    (old, young), alarms = (8 * DAY, 6 * DAY + HOUR), ["deadline", "run_failed"]
    broken = Accounts([Account("acme", ConfigurationError("wrong"))], several=True)

    assert lost_account(old, configuration("shop")) == []
    assert lost_account(young, configuration("shop")) == alarms
    for configured in (None, broken, configuration("acme", "shop"), configuration()):
        assert lost_account(old, configured) == alarms


def test_a_channel_that_is_no_longer_configured_is_no_concern() -> None:
    """The account reads others now."""
    assert lost_account(8 * DAY, configuration("acme", channels=("emails",))) == []


def test_an_account_that_left_does_not_hide_another() -> None:
    """Times are those of the accounts that are still loaded; counts are those of all."""
    left = coverage(first=NOW - 90 * DAY, last=NOW - 60 * DAY, account="shop", now=NOW - 60 * DAY)
    operations = account()
    write(
        Warehouse(
            operations=operations,
            records={
                "coverage": [*READ, *left],
                "runs": [run(), run(account="shop", outcome="failed", ago=60 * DAY)],
                "rejected_operations": [REJECTED | {"account": "shop"}],
            },
        )
    )
    both = facts_in(channels=["messages"], configured=configuration("acme", "shop"))
    one = facts_in(channels=["messages"], configured=configuration("acme"))

    assert [each.kind for each in concerns_of(both)] == ["deadline", "run_failed", "rejected"]
    assert [each.kind for each in concerns_of(one)] == ["rejected"]
    health = [health_of(facts.channels[0], facts.context) for facts in (both, one)]
    assert [each.rejected for each in health if each] == [1, 1]
    assert [each.last_synced_at for each in health if each] == [
        max(row["read_at"] for row in left),
        max(row["read_at"] for row in READ),
    ]


def test_an_operation_that_the_api_forgot_is_no_concern() -> None:
    """Sends that are scheduled for weeks ahead all end so, and nothing can be done about it."""
    lost = messages("s", created_at=NOW - 60 * DAY, queued=1, status="PROCESSING")
    record = {
        "account": "acme",
        "channel": "messages",
        "operation_id": "s",
        "created_at": lost.created_at,
        "asked_at": NOW - 6 * DAY,
        "outcome": "not_found",
    }
    assert found([*account(), lost], followed_operations=[record]) == []


def test_what_channels_share_is_one_concern() -> None:
    """It is reported once, with the names of the channels."""
    failed = {**run(outcome="failed"), "channels": '{"messages": {}, "emails": {}}'}
    write(Warehouse(operations=account(), records={"coverage": READ, "runs": [failed]}))
    (concern,) = concerns_of(facts_in(channels=["messages", "emails"]))

    assert (concern.kind, concern.channels) == ("run_failed", ["messages", "emails"])
