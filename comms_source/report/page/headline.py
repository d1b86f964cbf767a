"""The headline figures of a channel, and below them today, yesterday and seven days. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from comms_source.report.calendar import WEEK
from comms_source.report.facts import ChannelFacts, Made
from comms_source.report.figures import Week, day_of, week_of
from comms_source.report.sums import Share, Sums, success
from comms_source.report.wording import (
    DASH,
    ENGAGED,
    RESOURCES,
    SUCCESS,
    at_least,
    change,
    compact,
    count,
    counted,
    growth,
    percent,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One figure of the headline, and how it has changed."""

    name: str
    value: str
    change: str
    moves: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A column of the table: what volumes are counted of, what shares are taken of."""

    name: str
    all: Sums
    rated: Sums
    moves: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table, one value a period."""

    name: str
    values: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What the card of a channel says."""

    items: Sequence[Item]
    periods: Sequence[Period]
    rows: Sequence[Row]
    basis: str


def headline_of(facts: ChannelFacts, made: Made) -> Headline:
    """The card of a channel."""
    week = week_of(facts, made)
    periods = [*_days(facts), _week(week)]
    return Headline(
        items=list(_items(facts.channel, week)),
        periods=periods,
        rows=list(_rows(facts.channel, periods)),
        basis=_basis(week),
    )


def _days(facts: ChannelFacts) -> list[Period]:
    days = [("Today", day_of(facts, 0)), ("Yesterday", day_of(facts, 1))]
    return [
        Period(name=name, all=day.all, rated=day.all, moves=bool(day.moving.operations))
        for name, day in days
    ]


def _week(week: Week) -> Period:
    return Period(name=f"{WEEK} days", all=week.all, rated=week.shown, moves=_moves(week))


def _moves(week: Week) -> bool:
    return not week.is_settled and bool(week.all.operations)


def _items(channel: str, week: Week) -> Iterator[Item]:
    def share(name: str, now: Share | None, before: Share | None) -> Item:
        value = percent(now) if week.all.operations else DASH
        return Item(name=name, value=value, change=change(now, before) or "", moves=_moves(week))

    shown, compared = week.shown, week.compared
    yield share(SUCCESS[channel], success(shown, channel), success(compared, channel))
    if channel in ENGAGED:
        yield share(ENGAGED[channel], shown.engagement, compared.engagement)
    for name, now, before in (
        (RESOURCES[channel], week.all.resources, week.all_before.resources),
        ("operations", week.all.operations, week.all_before.operations),
    ):
        value = _brief(now) if week.all.operations else "0"
        yield Item(name=name, value=value, change=growth(now, before) or "", moves=False)


def _brief(number: int | None) -> str:
    """Short enough to stand large beside others; the table has every digit."""
    return count(number) if number is None or number < 10**6 else compact(number)


def _rows(channel: str, periods: Sequence[Period]) -> Iterator[Row]:
    """The lines of the table; of a period without operations only their number is told."""

    def row(name: str, told: Callable[[Period], str], *, nothing: str = DASH) -> Row:
        values = [told(period) if period.all.operations else nothing for period in periods]
        return Row(name=name.capitalize(), values=values)

    yield row("operations", lambda period: count(period.all.operations), nothing="0")
    yield row(RESOURCES[channel], lambda period: count(period.all.resources))
    yield row(SUCCESS[channel], lambda period: percent(success(period.rated, channel)))
    if channel in ENGAGED:
        yield row(ENGAGED[channel], lambda period: percent(period.rated.engagement))
    if channel != "emails":
        yield row("not addressable", lambda period: percent(period.rated.unaddressable_share))
    yield row("in flight", lambda period: _in_flight(period.all))


def _in_flight(sums: Sums) -> str:
    return at_least(sums.in_flight, told=sums.in_flight_known, of=sums.operations)


def _basis(week: Week) -> str:
    """What the shares of the week are taken of."""
    if not week.all.operations:
        return f"Nothing was asked for in the {WEEK} days."
    if not week.is_settled:
        return (
            f"Most of the {WEEK} days can still change; their shares are of what is known so far, "
            "and there is nothing yet to compare them with."
        )
    of = f"{count(week.settled.operations)} of {counted(week.all.operations, 'operation')}"
    return f"Shares of the {WEEK} days are of {of}: those that can no longer change."
