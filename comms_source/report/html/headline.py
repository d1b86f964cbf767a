"""The headline figures of a channel, and its table of today, yesterday and seven days. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from comms_source.report.data.facts import ChannelFacts, ReportContext
from comms_source.report.data.sums import Share, Sums
from comms_source.report.findings.periods import Period, change_text, periods_of, week_of
from comms_source.report.wording import DASH, ENGAGED, brief_count, count, percent, rest, span


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One figure of the headline, and its change."""

    name: str
    value: str
    change: str


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
    periods: Mapping[str, Period]
    """The columns of the table, by name."""
    rows: Sequence[Row]
    compared: bool
    """Whether a change is shown."""
    has_receipts: bool


def headline_of(facts: ChannelFacts, context: ReportContext) -> Headline:
    """The card of a channel, from its facts."""
    periods = periods_of(facts, context)
    receipts = sum((period.sums for period in periods.values()), Sums()).has_receipts
    items = list(_items(facts, week_of(facts, context).sums, receipts=receipts))
    return Headline(
        items=items,
        periods=periods,
        rows=list(_rows(facts.channel, list(periods.values()), receipts=receipts)),
        compared=any(item.change for item in items),
        has_receipts=receipts,
    )


def _items(facts: ChannelFacts, week: Sums, *, receipts: bool) -> Iterator[Item]:
    """The rates of what was attempted, each with its change; the volume last."""

    def item(name: str, share: Share | None, measure: str = "") -> Item:
        value = percent(share) if week.operations else DASH
        return Item(name=name, value=value, change=change_text(facts.trends, measure))

    if receipts:
        yield item("delivered", week.delivery, "delivery_rate")
        yield item("no outcome", week.without_outcome, "without_outcome_rate")
        yield item("not delivered", week.not_delivered_share)
        if facts.channel in ENGAGED:
            yield item(ENGAGED[facts.channel], week.engagement, "engagement_rate")
    else:
        yield item("accepted", week.acceptance, "acceptance_rate")
        yield item("not delivered", rest(week.acceptance))
    # Short enough for the headline; the table has every digit.
    brief = brief_count(week.requested if week.operations else 0, most=10**6)
    yield Item(name="requested", value=brief, change=change_text(facts.trends, "requested"))


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
        yield row("in flight", _interval("in_flight"), is_part=True)
        yield row("unconfirmed", _interval("unconfirmed"), is_part=True)
        if channel in ENGAGED:
            yield row(ENGAGED[channel].capitalize(), lambda sums: percent(sums.engagement))
    else:
        yield row("Accepted", lambda sums: percent(sums.acceptance))
        yield row("Not delivered", lambda sums: percent(rest(sums.acceptance)))
        yield row("In flight", _interval("in_flight"))
    if any(each.sums.unaddressable is not None for each in periods):
        yield row("Unaddressable", lambda sums: percent(sums.unaddressable_share))
    if not all(each.is_covered for each in periods):
        yield Row(name="Covered", values=[_covered(each) for each in periods])


def _interval(name: str) -> Callable[[Sums], str]:
    """The text of a number of which the sums have the lower and the upper end."""
    return lambda sums: span(getattr(sums, f"{name}_low"), getattr(sums, f"{name}_high"))


def _requested(period: Period) -> str:
    """0 only if the period was read completely."""
    if period.sums.operations:
        return count(period.sums.requested)
    return "0" if period.is_covered else DASH


def _covered(period: Period) -> str:
    """The covered share, rounded down, so that it is never too high."""
    if period.is_covered:
        return "read"
    whole = math.floor(100 * period.covered_share)
    return f"{whole}% read" if whole or not period.covered_share else "<1% read"
