"""The figures of a report, compared with sums over the rows of the test data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source.channels import CHANNELS
from comms_source.report.as_json import as_dict
from comms_source.report.data.facts import ChannelFacts, Facts
from comms_source.report.data.sums import Share, Sums
from comms_source.report.findings.coverage_strip import strip_of
from comms_source.report.findings.funnel import funnel_of
from comms_source.report.findings.periods import (
    change_of,
    covered_share,
    day_of,
    moving_days,
    periods_of,
    read_share,
    week_of,
)
from comms_source.views.settings import ViewSettings
from tests.report.busy_account import busy_account
from tests.report.sample_data import (
    DAY,
    HOUR,
    NOW,
    Counters,
    Operation,
    Warehouse,
    coverage,
    facts_in,
    facts_of,
    gap,
    messages,
    write,
)

TODAY = date(2026, 11, 21)


def added(operations: Iterable[Operation], *names: str) -> int:
    """The sum of counters over operations."""
    return sum(each.all_counters.get(name) or 0 for each in operations for name in names)


def same(part: int, whole: int) -> Share | None:
    """A share whose ends are equal."""
    return Share(part / whole, part / whole) if whole else None


def of_channel(facts: Facts, channel: str) -> ChannelFacts:
    """One channel of the facts."""
    return next(each for each in facts.channels if each.channel == channel)


def check(sums: Sums, operations: list[Operation], channel: str) -> None:
    """Check sums against operations with exclusive counters."""
    assert sums.operations == len(operations)
    if not operations:
        return
    requested, failed = added(operations, "total"), added(operations, "failed")
    assert sums.requested == requested
    if channel == "push_notifications":
        accepted = added(operations, "sent")
        assert (sums.delivery, sums.has_receipts) == (None, False)
        assert sums.acceptance == same(accepted, accepted + failed)
        return
    not_delivered = failed + added(operations, "undelivered")
    engaged = added(operations, "read", "opened")
    delivered = engaged + added(operations, "delivered")
    attempted = requested - added(operations, "scheduled", "queued", "canceled")
    assert sums.delivery == same(delivered, attempted)
    assert sums.delivery_of_known == same(delivered, delivered + not_delivered)
    assert sums.not_delivered_share == same(not_delivered, attempted)
    assert sums.without_outcome == same(added(operations, "sent"), attempted)
    assert sums.engagement == same(engaged, delivered)


@pytest.fixture
def mine(operations: list[Operation]) -> Callable[..., list[Operation]]:
    """The operations of a channel that were created on some days, counted from today."""

    def choose(channel: str, days: Iterable[int]) -> list[Operation]:
        wanted = {TODAY - timedelta(days=ago) for ago in days}
        return [
            each
            for each in operations
            if each.channel == channel and each.created_at.date() in wanted
        ]

    return choose


@pytest.mark.parametrize("channel", CHANNELS)
def test_each_day_adds_up(facts: Facts, mine: Callable[..., list[Operation]], channel: str) -> None:
    """For today and the thirty days before: over all operations, of any finality."""
    for ago in range(31):
        day, expected = day_of(of_channel(facts, channel), facts.context, ago), mine(channel, [ago])
        check(day.sums, expected, channel)
        assert sum(each.operations for each in day.by_finality.values()) == len(expected)
        assert sum(each.requested for each in day.by_finality.values()) == added(expected, "total")


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_week_is_a_ratio_of_sums(
    facts: Facts, mine: Callable[..., list[Operation]], channel: str
) -> None:
    """Over the seven whole days before today; a large day weighs more than a small one."""
    week = week_of(of_channel(facts, channel), facts.context)

    assert (week.first, week.last) == (date(2026, 11, 14), date(2026, 11, 20))
    check(week.sums, mine(channel, range(1, 8)), channel)


def test_all_that_is_stored_is_counted(facts: Facts, operations: list[Operation]) -> None:
    """Also operations older than the days shown."""
    for channel in facts.channels:
        stored = [each for each in operations if each.channel == channel.channel]
        assert channel.stored == len(stored)
        assert channel.first_day == min(each.created_at for each in stored).date()


def test_the_report_agrees_with_the_views(facts: Facts, warehouse: Path) -> None:
    """A report and a query of a view give the same figures."""
    with duckdb.connect(str(warehouse), read_only=True) as db:
        daily = db.execute(
            "select channel, day, delivery_rate_low, engagement_rate_high, in_flight_low "
            "from comms.daily_delivery where day > date '2026-10-22'"
        ).fetchall()
    assert len(daily) > 60
    for channel, day, delivered, engaged, in_flight in daily:
        sums = day_of(of_channel(facts, channel), facts.context, (TODAY - day).days).sums
        assert (sums.delivery.low if sums.delivery else None) == delivered
        assert (sums.engagement.high if sums.engagement else None) == engaged
        assert sums.in_flight_low == in_flight


def test_json_has_the_same_figures(facts: Facts, mine: Callable[..., list[Operation]]) -> None:
    """They are not rounded, and the report is valid JSON."""
    content = json.loads(json.dumps(as_dict(facts)))
    for channel in CHANNELS:
        figures = content["channels"][channel]
        check(
            day_of(of_channel(facts, channel), facts.context, 1).sums, mine(channel, [1]), channel
        )
        sums = day_of(of_channel(facts, channel), facts.context, 1).sums
        assert figures["yesterday"]["requested"] == sums.requested
        assert sums.success
        rate = "delivery_rate" if sums.has_receipts else "acceptance_rate"
        assert figures["yesterday"][rate] == {"low": sums.success.low, "high": sums.success.high}
        assert figures["moving_days"]
    assert content["made_at"] == "2026-11-21T18:00:00Z"
    assert content["channels"]["push_notifications"]["today"]["delivery_rate"] is None


@pytest.mark.slow
def test_accounts_are_summed_and_shown_separately() -> None:
    """A small account does not weigh as much as a large one."""
    small = messages("s", created_at=NOW - 3 * DAY, delivered=1, failed=1, account="small")
    large = messages("l", created_at=NOW - 3 * DAY, delivered=90, failed=8, account="large")
    facts = facts_of(small, large)
    channel = of_channel(facts, "messages")

    assert week_of(channel, facts.context).sums.delivery == Share(0.91, 0.91)
    assert facts.accounts == 2
    assert [(account, sums.delivery) for account, sums in channel.accounts.items()] == [
        ("large", same(90, 98)),
        ("small", same(1, 2)),
    ]
    one = facts_in(account="small")
    assert day_of(of_channel(one, "messages"), one.context, 3).sums.delivery == Share(0.5, 0.5)
    assert (one.accounts, one.context.account) == (1, "small")


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_days_are_those_of_the_reporting_time_zone(zone: str) -> None:
    """Clocks were set back in Berlin on 25 October 2026, and in New York on 1 November."""
    instants = [NOW - number * 5 * HOUR for number in range(1, 150)]
    rows = [messages(str(at), created_at=at, delivered=1) for at in instants]
    settings = ViewSettings(time_zone=zone)
    write(Warehouse(operations=rows, settings=settings))
    facts = facts_in(settings=settings)

    today = NOW.astimezone(ZoneInfo(zone)).date()
    assert (facts.context.today, facts.context.differing) == (today, [])
    for ago in range(31):
        day = today - timedelta(days=ago)
        expected = sum(at.astimezone(ZoneInfo(zone)).date() == day for at in instants)
        shown = day_of(of_channel(facts, "messages"), facts.context, ago)
        assert shown.sums.operations == expected


@pytest.mark.slow
def test_settings_are_those_of_the_views() -> None:
    """The report uses the settings that the views were created with, and names the differences."""
    write(Warehouse(settings=ViewSettings(time_zone="Asia/Tokyo", alert_volume=7)))
    context = facts_in(settings=ViewSettings(alert_volume=7)).context

    assert (context.time_zone, context.settings.alert_volume) == ("Asia/Tokyo", 7)
    assert context.differing == ["time_zone"]


def test_undecided_counters_give_intervals() -> None:
    """Of 10, 4 are sent, 3 delivered and 1 read: the delivered ones may include the read one."""
    counters = {"total": 10, "sent": 4, "delivered": 3, "read": 1}
    odd = Operation(channel="messages", id="odd", created_at=NOW - 9 * DAY, counters=counters)
    facts = facts_of(odd)

    sums = day_of(of_channel(facts, "messages"), facts.context, 9).sums
    assert sums.delivery == Share(0.3, 0.4)


@pytest.mark.slow
def test_missing_counters_are_not_zero() -> None:
    """NULL stays None in every sum."""
    unknown: dict[str, int | None] = dict.fromkeys(CHANNELS["messages"].counters)
    silent = Operation(channel="messages", id="x", created_at=NOW - HOUR, counters=unknown)
    facts = facts_of(silent)
    today = day_of(of_channel(facts, "messages"), facts.context, 0).sums

    assert today.operations == 1
    assert (today.requested, today.delivery, today.in_flight_low) == (None, None, None)
    assert of_channel(facts, "messages").problems == {"missing_counter": 1}


def test_active_operations_may_still_change() -> None:
    """However long ago they were requested, as long as the API has them."""
    rows = [
        messages("open", created_at=NOW - 90 * DAY, queued=5, status="SCHEDULED"),
        messages("done", created_at=NOW - 90 * DAY, delivered=5),
    ]
    facts = facts_of(*rows)
    (moving,) = moving_days(of_channel(facts, "messages"), facts.context)

    assert (moving.day, moving.final_at) == (None, None)
    assert of_channel(facts, "messages").older == 1


def test_a_day_may_change_until_retention_ends() -> None:
    """An operation that was unchanged for a day is settled, and does not count any more."""
    young = messages("young", created_at=NOW - 30 * HOUR, delivered=5)
    still = messages("still", created_at=NOW - 4 * DAY, delivered=5, settled=True)
    facts = facts_of(young, still)
    (moving,) = moving_days(of_channel(facts, "messages"), facts.context)

    assert moving.day == (NOW - 30 * HOUR).date()
    assert (moving.moving_share, moving.frozen_share) == (1, 0)
    assert moving.final_at == NOW - 30 * HOUR + 7 * DAY


@pytest.mark.slow
def test_a_day_that_was_read_too_early_is_frozen() -> None:
    """If its last reading was more than a day before the API forgot it."""
    early = messages("early", created_at=NOW - 9 * DAY, delivered=5, synced_at=NOW - 5 * DAY)
    late = messages("late", created_at=NOW - 10 * DAY, delivered=5, synced_at=NOW - 3 * DAY)
    facts = facts_of(early, late)

    days = of_channel(facts, "messages").days
    assert [day.frozen for day in days.values()] == [False, True]


@pytest.mark.slow
def test_half_a_day_read_is_half_covered() -> None:
    """A day with operations has it from the view, a day without from the windows."""
    start = NOW.replace(hour=0)
    read = [
        *coverage(first=start - 3 * DAY, last=start - 2.5 * DAY),
        *coverage(first=start - 2 * DAY, last=start - DAY),
    ]
    early = messages("early", created_at=start - 3 * DAY + HOUR, delivered=1)
    write(Warehouse(operations=[early], records={"coverage": read}))
    facts = facts_in()
    channel, day = (
        of_channel(facts, "messages"),
        day_of(of_channel(facts, "messages"), facts.context, 3),
    )

    assert day.covered_share == 0.5
    days = [TODAY - timedelta(days=ago) for ago in (3, 2, 1)]
    assert [read_share(channel, facts.context, day, day) for day in days] == [0.5, 1, 0]
    assert [covered_share(channel, facts.context, day) for day in days] == [0.5, 1, 0]


@pytest.mark.slow
def test_a_day_without_operations_is_marked_if_it_was_not_read() -> None:
    """If it was read, nothing was requested."""
    start = NOW.replace(hour=0)
    early = messages("early", created_at=start - 3 * DAY + HOUR, delivered=1)
    for read, marks in (
        (coverage(first=start - 3 * DAY, last=start), []),
        (coverage(first=start - 3 * DAY, last=start - DAY), ["partly"]),
    ):
        write(Warehouse(operations=[early], records={"coverage": read}))
        facts = facts_in()
        assert periods_of(of_channel(facts, "messages"), facts.context)["yesterday"].marks == marks


@pytest.mark.slow
def test_weeks_are_compared_as_they_were_known() -> None:
    """The week before had half of its outcomes at the age of this one, and has all of them now."""
    known: list[tuple[float, Counters]] = [
        (0.1, {"total": 10, "delivered": 5, "sent": 5}),
        (7 * 24 + 1, {"total": 10, "delivered": 10}),
    ]
    before = [
        messages(f"b{ago}", created_at=NOW - ago * DAY, delivered=10, seen=known)
        for ago in range(8, 15)
    ]
    now = [
        messages(
            f"n{ago}",
            created_at=NOW - ago * DAY,
            delivered=6,
            sent=4,
            seen=[(0.1, {"total": 10, "delivered": 6, "sent": 4})],
        )
        for ago in range(1, 8)
    ]
    read = coverage(first=NOW - 16 * DAY, last=NOW)
    write(Warehouse(operations=[*before, *now], records={"coverage": read}))
    facts = facts_in(channels=["messages"])

    change = change_of(of_channel(facts, "messages").trends, "delivery_rate")
    assert change
    assert (change.now, change.before) == (Share(0.6, 0.6), Share(0.5, 0.5))
    write(Warehouse(operations=[*before, *now], records={"coverage": read[:200]}), path="partly")
    partly = facts_in("partly", channels=["messages"])
    assert change_of(of_channel(partly, "messages").trends, "delivery_rate") is None


PARTS = st.integers(0, 10**6)


@given(st.lists(PARTS, min_size=8, max_size=8), st.booleans())
def test_the_funnel_adds_up(parts: list[int], receipts: bool) -> None:
    """Its parts add up to what was requested, and read is a part of delivered."""
    good, undelivered, failed, unconfirmed, in_flight, canceled, unaddressable, rest = parts
    sums = Sums(
        operations=9,
        requested=sum(parts),
        delivered_low=good if receipts else None,
        delivered_high=good if receipts else None,
        attempted=sum(parts[:5]) if receipts else None,
        engaged=good // 2 if receipts else None,
        accepted=None if receipts else good,
        undelivered=undelivered,
        failed=failed,
        not_delivered=undelivered + failed,
        unconfirmed_low=unconfirmed,
        unconfirmed_high=unconfirmed,
        in_flight_low=in_flight,
        in_flight_high=in_flight,
        canceled=canceled,
        recipients=sum(parts),
        unaddressable=unaddressable,
    )
    funnel = funnel_of(sums, engaged="read")

    added_up = sum(stage.low for stage in funnel.stages[1:] if stage.part_of is None)
    assert added_up == sum(parts)
    stages = {stage.name: stage for stage in funnel.stages}
    assert stages["requested"].low == sum(parts)
    assert stages["delivered" if receipts else "accepted"].low == good
    assert ("read" in stages) == receipts
    if rest:
        assert stages["no status"].low == rest


@pytest.mark.slow
def test_a_day_is_complete_partly_read_lost_or_unread() -> None:
    """One day of each state, and today up to now."""
    start = NOW.replace(hour=0)
    windows = [
        *coverage(first=start - 3 * DAY, last=start - 2 * DAY),
        *coverage(first=start - DAY, last=NOW - 2 * HOUR),
        *coverage(first=NOW - 2 * HOUR, last=NOW, complete=False),
    ]
    lost = gap(start - 2 * DAY + HOUR, start - 2 * DAY + 3 * HOUR, channel="emails")
    write(Warehouse(records={"coverage": windows, "gaps": [lost]}))
    strip = strip_of(of_channel(facts_in(), "emails"), facts_in().context)

    assert [each.state for each in strip[-5:]] == [
        "unread",
        "complete",
        "gap",
        "complete",
        "partly",
    ]
    assert [each.gap for each in strip if each.gap] == [2 * HOUR]


@pytest.mark.slow
def test_only_named_channels_are_read(facts: Facts, warehouse: Path) -> None:
    """If none is named, all channels with data."""
    assert [each.channel for each in facts.channels] == list(CHANNELS)
    assert [each.channel for each in facts_in(warehouse, channels=["emails"]).channels] == [
        "emails"
    ]
    only = facts_of(messages("m", created_at=NOW - HOUR, delivered=1))
    assert [each.channel for each in only.channels] == ["messages"]


@pytest.mark.slow
def test_the_size_of_a_report_is_bounded(tmp_path: Path) -> None:
    """A report on half a year is as large as one on six weeks."""
    sizes = []
    for days in (45, 180):
        path = tmp_path / f"{days}.duckdb"
        write(Warehouse(operations=busy_account(days=days, a_day=2)), path=str(path))
        sizes.append(len(json.dumps(as_dict(facts_in(path)))))
    assert sizes[1] < 1.1 * sizes[0]


@pytest.mark.slow
def test_each_size_of_send_has_its_completion_times() -> None:
    """From sends without recipients to the largest, the smaller ones first."""
    sends = (7000, 700, 70, 7, 1, 0)
    operations = [
        messages(f"to_{number}", created_at=NOW - 4 * DAY, delivered=number, settled=True)
        for number in sends
    ]

    (channel,) = facts_of(*operations).channels

    sizes = ["none", "1", "2 to 10", "11 to 100", "101 to 1000", "over 1000"]
    assert [each.size for each in channel.times] == sizes
