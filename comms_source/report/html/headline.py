"""The headline figures of a channel, and its table of today, yesterday and seven days. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from comms_source.report.data.days import WEEK
from comms_source.report.data.facts import ChannelFacts, ReportContext
from comms_source.report.data.sums import Share, Sums
from comms_source.report.findings.periods import (
    COVERED,
    Change,
    Week,
    change_of,
    day_of,
    read_share,
    week_of,
)
from comms_source.report.wording import (
    DASH,
    ENGAGED,
    change,
    compact,
    count,
    growth,
    percent,
    rest,
    span,
)

FROZEN = 0.01
"""The minimum frozen share of the volume for the mark "frozen early"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One figure of the headline, and its change."""

    name: str
    value: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A column of the table, and its marks."""

    name: str
    sums: Sums
    covered_share: float
    moves: bool
    frozen: bool

    @property
    def marks(self) -> list[str]:
        """The names of its marks."""
        partly = self.covered_share < COVERED
        marks = {"moves": self.moves, "partly": partly, "frozen": self.frozen}
        return [mark for mark, holds in marks.items() if holds]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the table, with one value per period."""

    name: str
    values: Sequence[str]
    is_part: bool = False
    """Whether it is a detail of the row above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The card of a channel."""

    items: Sequence[Item]
    periods: Sequence[Period]
    rows: Sequence[Row]
    compared: bool
    """Whether a change is shown."""
    has_receipts: bool


def headline_of(facts: ChannelFacts, context: ReportContext) -> Headline:
    """The card of a channel, from its facts."""
    week = week_of(facts, context)
    days = [_day(facts, context, ago, name) for ago, name in enumerate(("Today", "Yesterday"))]
    periods = [*days, _week(week)]
    receipts = sum((period.sums for period in periods), Sums()).has_receipts
    items = list(_items(facts, week.sums, receipts=receipts))
    return Headline(
        items=items,
        periods=periods,
        rows=list(_rows(facts.channel, periods, receipts=receipts)),
        compared=any(item.change for item in items),
        has_receipts=receipts,
    )


def _day(facts: ChannelFacts, context: ReportContext, ago: int, name: str) -> Period:
    day, date = day_of(facts, context, ago), context.today - timedelta(days=ago)
    stored = day.sums.operations
    covered = day.covered_share if stored else read_share(facts, context, date, date)
    return Period(
        name=name,
        sums=day.sums,
        covered_share=covered or 0.0,
        moves=day.moves,
        frozen=day.frozen,
    )


def _week(week: Week) -> Period:
    return Period(
        name=f"{WEEK} days",
        sums=week.sums,
        covered_share=week.covered_share,
        moves=week.moves,
        frozen=week.frozen_share >= FROZEN,
    )


def _items(facts: ChannelFacts, week: Sums, *, receipts: bool) -> Iterator[Item]:
    """The rates of what was attempted, each with its change; the volume last."""

    def item(name: str, share: Share | None, measure: str = "") -> Item:
        found = change_of(facts.trends, measure) if measure else None
        value = percent(share) if week.operations else DASH
        return Item(name=name, value=value, change=points(found))

    if receipts:
        yield item("delivered", week.delivery, "delivery_rate")
        yield item("no outcome", week.without_outcome, "without_outcome_rate")
        yield item("not delivered", week.not_delivered_share)
        if facts.channel in ENGAGED:
            yield item(ENGAGED[facts.channel], week.engagement, "engagement_rate")
    else:
        yield item("accepted", week.acceptance, "acceptance_rate")
        yield item("not delivered", rest(week.acceptance))
    requested = change_of(facts.trends, "requested")
    yield Item(
        name="requested",
        value=_brief(week.requested) if week.operations else "0",
        change=(growth(*requested.numbers) if requested else None) or "",
    )


def points(found: Change | None) -> str:
    """A change in points; empty if it is not known."""
    return (change(found.now, found.before) if found else None) or ""


def _brief(number: int | None) -> str:
    """Short enough for the headline; the table has every digit."""
    return count(number) if number is None or number < 10**6 else compact(number)


def _rows(channel: str, periods: Sequence[Period], *, receipts: bool) -> Iterator[Row]:
    """The rows of the table; a period without operations has no values."""

    def row(name: str, text: Callable[[Sums], str], *, is_part: bool = False) -> Row:
        values = [text(each.sums) if each.sums.operations else DASH for each in periods]
        return Row(name=name, values=values, is_part=is_part)

    yield Row(name="Requested", values=[_requested(each) for each in periods])
    if receipts:
        yield row("Delivered", lambda sums: percent(sums.delivery))
        yield row("of known outcomes", lambda sums: percent(sums.delivery_of_known), is_part=True)
        yield row("Not delivered", lambda sums: percent(sums.not_delivered_share))
        yield row("No outcome", lambda sums: percent(sums.without_outcome))
        yield row("in flight", _in_flight, is_part=True)
        yield row("unconfirmed", _unconfirmed, is_part=True)
        if channel in ENGAGED:
            yield row(ENGAGED[channel].capitalize(), lambda sums: percent(sums.engagement))
    else:
        yield row("Accepted", lambda sums: percent(sums.acceptance))
        yield row("Not delivered", lambda sums: percent(rest(sums.acceptance)))
        yield row("In flight", _in_flight)
    if any(each.sums.unaddressable is not None for each in periods):
        yield row("Unaddressable", lambda sums: percent(sums.unaddressable_share))
    if any(each.covered_share < COVERED for each in periods):
        yield Row(name="Covered", values=[_covered(each) for each in periods])


def _in_flight(sums: Sums) -> str:
    return span(sums.in_flight_low, sums.in_flight_high)


def _unconfirmed(sums: Sums) -> str:
    return span(sums.unconfirmed_low, sums.unconfirmed_high)


def _requested(period: Period) -> str:
    """0 only if the period was read completely."""
    if period.sums.operations:
        return count(period.sums.requested)
    return "0" if period.covered_share >= COVERED else DASH


def _covered(period: Period) -> str:
    """The covered share, rounded down, so that it is never too high."""
    if period.covered_share >= COVERED:
        return "read"
    whole = math.floor(100 * period.covered_share)
    return f"{whole}% read" if whole or not period.covered_share else "<1% read"
