"""The figures of a report against sums over the very rows that were put in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from comms_source.channels import CHANNELS
from comms_source.report.facts import ChannelFacts, Facts
from comms_source.report.figures import day_of, week_of, young_days
from comms_source.report.machine import as_dict
from comms_source.report.rows import SIZES
from comms_source.report.strip import strip_of
from comms_source.report.sums import Share, Sums, success
from comms_source.view_files import read_views
from tests.report.lives import busy
from tests.report.made_up import (
    DAY,
    HOUR,
    NOW,
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


def settled(operation: Operation) -> bool:
    """Whether an operation can no longer change, by the rules of docs/measures.md."""
    age = NOW - operation.created_at
    if operation.status == "PROCESSING":
        return False
    return age > 7 * DAY or (operation.settled and age >= 70 * HOUR)


def added(operations: Iterable[Operation], *names: str) -> int:
    """The sum of counters over operations."""
    return sum(each.all_counters.get(name) or 0 for each in operations for name in names)


def share_of(operations: list[Operation], channel: str) -> Share | None:
    """Delivered, or for pushes accepted, of what is decided; each resource is in one state."""
    good = ["sent"] if channel == "push_notifications" else ["delivered", "read", "opened"]
    bad = ["failed"] if channel == "push_notifications" else ["undelivered", "failed"]
    part, rest = added(operations, *good), added(operations, *bad)
    return Share(part / (part + rest), part / (part + rest)) if part + rest else None


def engaged_of(operations: list[Operation]) -> Share | None:
    """Read or opened of what was delivered."""
    engaged = added(operations, "read", "opened")
    reached = engaged + added(operations, "delivered")
    return Share(engaged / reached, engaged / reached) if reached else None


def of_channel(facts: Facts, channel: str) -> ChannelFacts:
    """One channel of the facts."""
    return next(each for each in facts.channels if each.channel == channel)


def check(sums: Sums, operations: list[Operation], channel: str) -> None:
    """Sums are those of the operations."""
    assert sums.operations == len(operations)
    if operations:
        assert sums.resources == added(operations, "total")
    assert success(sums, channel) == share_of(operations, channel)
    if channel != "push_notifications":
        assert sums.engagement == engaged_of(operations)


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
def test_each_day_adds_up_to_its_operations(
    facts: Facts, mine: Callable[..., list[Operation]], channel: str
) -> None:
    """Of thirty days and today, all that is settled and all that is not."""
    for ago in range(31):
        day, expected = day_of(of_channel(facts, channel), ago), mine(channel, [ago])
        check(day.all, expected, channel)
        check(day.settled, [each for each in expected if settled(each)], channel)
        check(day.moving, [each for each in expected if not settled(each)], channel)


@pytest.mark.parametrize("channel", CHANNELS)
def test_seven_days_are_ratios_of_sums_against_the_seven_before(
    facts: Facts, mine: Callable[..., list[Operation]], channel: str
) -> None:
    """Volumes of all operations, shares of those that can no longer change."""
    week = week_of(of_channel(facts, channel), facts.made)
    last, before = mine(channel, range(1, 8)), mine(channel, range(8, 15))

    assert (week.first, week.last) == (date(2026, 11, 14), date(2026, 11, 20))
    check(week.all, last, channel)
    check(week.settled, [each for each in last if settled(each)], channel)
    check(week.all_before, before, channel)
    check(week.settled_before, [each for each in before if settled(each)], channel)


def test_all_that_is_stored_is_counted(facts: Facts, operations: list[Operation]) -> None:
    """Also what is older than the days that are shown."""
    for channel in facts.channels:
        stored = [each for each in operations if each.channel == channel.channel]
        assert channel.stored == len(stored)
        assert channel.first_created_at == min(each.created_at for each in stored)


def test_the_same_figures_are_in_the_views(facts: Facts, warehouse: Path) -> None:
    """A report and a query of one's own do not contradict each other."""
    with duckdb.connect(str(warehouse), read_only=True) as db:
        trend = db.execute(
            "select channel, delivery_rate_low, engagement_rate_low, operations, total "
            "from comms.delivery_trend"
        ).fetchall()
        daily = db.execute(
            "select channel, day, delivery_rate_high, open_rate_low, in_flight "
            "from comms.daily_delivery where day > date '2026-10-22'"
        ).fetchall()
        unsettled = db.execute(
            "select channel, day, unsettled_operations, in_flight from comms.unsettled_days"
        ).fetchall()
    for channel, delivered, engaged, count, total in trend:
        week = week_of(of_channel(facts, channel), facts.made)
        assert (week.all.operations, week.settled.resources) == (count, total)
        assert week.settled.delivery == (None if delivered is None else Share(delivered, delivered))
        assert week.settled.engagement == (None if engaged is None else Share(engaged, engaged))
    for channel, day, delivered, opened, in_flight in daily:
        sums = day_of(of_channel(facts, channel), (TODAY - day).days).all
        assert (sums.delivery and sums.delivery.high, sums.in_flight) == (delivered, in_flight)
        if channel == "emails":
            assert sums.engagement
            assert sums.engagement.low == opened
    assert {
        (channel.channel, young.day, young.moving, young.in_flight)
        for channel in facts.channels
        for young in young_days(channel, facts.made)
    } == set(unsettled)


def test_machines_get_the_same_figures(facts: Facts, mine: Callable[..., list[Operation]]) -> None:
    """Nothing rounded, and readable as JSON."""
    told = json.loads(json.dumps(as_dict(facts)))
    for channel in CHANNELS:
        figures, yesterday = told["channels"][channel], mine(channel, [1])
        assert figures["yesterday"]["operations"] == len(yesterday)
        assert figures["yesterday"]["resources"] == added(yesterday, "total")
        rate = "acceptance_rate" if channel == "push_notifications" else "delivery_rate"
        expected = share_of(yesterday, channel)
        assert expected
        assert figures["yesterday"][rate] == {"low": expected.low, "high": expected.high}
        assert figures["yesterday"]["may_move"]
    assert told["made_at"] == "2026-11-21T18:00:00Z"
    assert told["channels"]["push_notifications"]["today"]["delivery_rate"] is None
    assert told["channels"]["messages"]["today"]["acceptance_rate"] is None


def test_several_accounts_are_added_up_and_told_apart() -> None:
    """A small account does not weigh as much as a large one."""
    small = messages("s", created_at=NOW - 9 * DAY, delivered=1, failed=1, account="small")
    large = messages("l", created_at=NOW - 9 * DAY, delivered=90, failed=8, account="large")
    facts = facts_of(small, large)

    both = day_of(of_channel(facts, "messages"), 9).all
    assert both.delivery == Share(0.91, 0.91)
    assert facts.accounts == 2
    assert {each.account for each in of_channel(facts, "messages").accounts} == {"small", "large"}

    one = facts_in(account="small")
    assert day_of(of_channel(one, "messages"), 9).all.delivery == Share(0.5, 0.5)
    assert (one.accounts, one.made.account) == (1, "small")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_days_are_those_of_the_reporting_time_zone(zone: str) -> None:
    """Clocks were set back in Berlin on 25 October 2026, and in New York on 1 November."""
    instants = [NOW - number * 5 * HOUR for number in range(1, 150)]
    rows = [messages(str(at), created_at=at, delivered=1) for at in instants]
    write(Warehouse(operations=rows, time_zone=zone))
    facts = facts_in(time_zone=zone)

    today = NOW.astimezone(ZoneInfo(zone)).date()
    assert facts.made.today == today
    for ago in range(31):
        day = today - timedelta(days=ago)
        expected = sum(at.astimezone(ZoneInfo(zone)).date() == day for at in instants)
        assert day_of(of_channel(facts, "messages"), ago).all.operations == expected


def test_counters_with_two_readings_give_intervals() -> None:
    """The documented sample that fits neither reading: 3 delivered, 1 read, 1 undelivered."""
    counters = {"total": 10, "sent": 3, "delivered": 3, "read": 1, "undelivered": 1, "queued": 7}
    odd = Operation(channel="messages", id="odd", created_at=NOW - 9 * DAY, counters=counters)
    share = day_of(of_channel(facts_of(odd), "messages"), 9).all.delivery

    assert share == Share(0.75, 0.8)


def test_what_nobody_tells_is_not_zero() -> None:
    """NULL stays None through every sum."""
    unknown: dict[str, int | None] = dict.fromkeys(CHANNELS["messages"].counters)
    silent = Operation(channel="messages", id="x", created_at=NOW - HOUR, counters=unknown)
    today = day_of(of_channel(facts_of(silent), "messages"), 0).all

    assert (today.operations, today.resources, today.delivery, today.in_flight) == (1,) + (
        None,
    ) * 3


def test_what_is_open_for_ever_may_still_move_for_ever() -> None:
    """However long ago it was created; as long as the API does not deny it."""
    rows = [
        messages("open", created_at=NOW - 90 * DAY, queued=5, status="SCHEDULED"),
        messages("done", created_at=NOW - 90 * DAY, delivered=5),
    ]
    facts = facts_of(*rows)
    (young,) = young_days(of_channel(facts, "messages"), facts.made)

    assert (young.day, young.moving, young.operations, young.in_flight) == (None, 1, 2, 5)
    assert young.final_at is None
    assert as_dict(facts)["channels"]["messages"]["may_move"][0]["moving"] == 1


def test_days_are_complete_partly_read_lost_or_not_read() -> None:
    """One of each, and today as far as it has gone."""
    start = NOW.replace(hour=0)
    windows = [
        *coverage(first=start - 3 * DAY, last=start - 2 * DAY),
        *coverage(first=start - DAY, last=NOW - 2 * HOUR),
        *coverage(first=NOW - 2 * HOUR, last=NOW, complete=False),
    ]
    lost = gap(start - 2 * DAY + HOUR, start - 2 * DAY + 3 * HOUR, channel="emails")
    write(Warehouse(records={"coverage": windows, "gaps": [lost]}))
    strip = strip_of(of_channel(facts_in(), "emails"), facts_in().made)

    assert [each.state for each in strip[-5:]] == [
        "unread",
        "complete",
        "gap",
        "complete",
        "partly",
    ]
    assert [each.gap for each in strip if each.gap] == [2 * HOUR]


def test_a_young_week_is_not_compared() -> None:
    """As long as most of it can still change, a comparison would tell its age and nothing else."""
    rows = [
        messages(str(ago), created_at=NOW - ago * DAY, delivered=9, failed=1) for ago in range(14)
    ]
    facts = facts_of(*rows)
    week = week_of(of_channel(facts, "messages"), facts.made)

    assert not week.is_settled
    assert week.shown == week.all
    assert week.compared == Sums()


def test_only_the_channels_that_were_asked_for_are_read(facts: Facts, warehouse: Path) -> None:
    """And where none is named, those that there is something of."""
    assert [each.channel for each in facts.channels] == list(CHANNELS)
    assert [each.channel for each in facts_in(warehouse, channels=["emails"]).channels] == [
        "emails"
    ]
    only = facts_of(messages("m", created_at=NOW - HOUR, delivered=1))
    assert [each.channel for each in only.channels] == ["messages"]


def test_life_is_bounded_however_long_it_lasts(tmp_path: Path) -> None:
    """What is read of half a year is as much as what is read of six weeks."""
    sizes = []
    for days in (45, 180):
        path = tmp_path / f"{days}.duckdb"
        write(Warehouse(operations=busy(days=days, a_day=2)), path=str(path))
        sizes.append(len(json.dumps(as_dict(facts_in(path)))))
    assert sizes[1] < 1.1 * sizes[0]


def test_each_size_of_send_has_its_completion_times() -> None:
    """From sends to nobody, of which there are some, to the largest; the smaller ones first."""
    sends = (7000, 700, 70, 7, 1, 0)
    operations = [
        messages(f"to_{number}", created_at=NOW - 4 * DAY, delivered=number, settled=True)
        for number in sends
    ]

    (channel,) = facts_of(*operations).channels

    sizes = ["none", "1", "2 to 10", "11 to 100", "101 to 1000", "over 1000"]
    assert [each.size for each in channel.times] == sizes


def test_the_report_knows_each_size_that_the_view_tells() -> None:
    """A size that it did not know would end it."""
    (view,) = (view for view in read_views() if view.name == "completion_times")
    told = re.findall(r"(?:then|else) '([^']+)'", view.sql)

    assert tuple(told) == SIZES
