"""The data of one channel on the page. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from comms_source.report.data.facts import (
    ChannelFacts,
    CompletionTime,
    Gap,
    ReportContext,
    WorstOperation,
)
from comms_source.report.data.sums import Sums
from comms_source.report.findings.coverage_strip import StripDay, strip_of
from comms_source.report.findings.funnel import funnel_of
from comms_source.report.findings.hours import heat_of
from comms_source.report.findings.largest_account import largest_account_rows
from comms_source.report.findings.periods import MovingDay, change_of, moving_days, week_of
from comms_source.report.html.charts.delivery import delivery
from comms_source.report.html.charts.drawing import Drawing, svg
from comms_source.report.html.charts.funnel import funnel
from comms_source.report.html.charts.hours import hours, top_of, unit_of
from comms_source.report.html.charts.settling import settling
from comms_source.report.html.headline import Headline, headline_of, points
from comms_source.report.html.record import Fact, record_of
from comms_source.report.wording import ENGAGED, compact, count, listed, percent

MAX_ACCOUNTS: Final = 20
MAX_GAPS: Final = 5
MAX_WORST: Final = 5
"""Operations per channel and ranking."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart on the page."""

    svg: Any
    """Markup."""
    finding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """The seven days of one account, as text."""

    account: str
    requested: str
    success: str
    no_outcome: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPage:
    """One channel, ready for the template; a figure is None if there is nothing to draw."""

    channel: str
    stored: int
    headline: Headline
    is_open: bool
    """Whether a share of some day is an interval."""
    delivery: Figure | None
    funnel: Figure | None
    funnel_note: str
    worst: Sequence[WorstOperation]
    worst_by_rate: Sequence[WorstOperation]
    hours: Figure | None
    hours_unit: str
    hours_top: str
    settling: Figure | None
    times: Sequence[CompletionTime]
    curve_account: str | None
    times_account: str | None
    moving: Sequence[MovingDay]
    accounts: Sequence[AccountRow]
    accounts_left_out: int
    strip: Sequence[StripDay]
    record: Sequence[Fact]
    gaps: Sequence[Gap]
    gaps_left_out: int


def channel_page(facts: ChannelFacts, context: ReportContext, *, top: int) -> ChannelPage:
    """The data of a channel on the page; `top` is the largest volume of a day of any channel."""
    shown = funnel_of(week_of(facts, context).sums, engaged=ENGAGED.get(facts.channel))
    heat = heat_of(facts.hours)
    curve, times = largest_account_rows(facts.curve), largest_account_rows(facts.times)
    return ChannelPage(
        channel=facts.channel,
        stored=facts.stored,
        headline=headline_of(facts, context),
        is_open=_is_open(day.sums for day in facts.days.values()),
        delivery=_figure(delivery(facts, context, top=top)),
        funnel=_figure(funnel(facts.channel, shown)) if shown.operations else None,
        funnel_note=f"Not known: {listed(shown.unknown)}." if shown.unknown else "",
        worst=_worst(facts, "count"),
        worst_by_rate=_worst(facts, "rate"),
        hours=_figure(hours(facts.channel, heat)),
        hours_unit=unit_of(facts.channel, heat),
        hours_top=compact(top_of(heat)),
        settling=_figure(settling(facts.channel, curve)),
        times=times,
        curve_account=curve[0].account if curve else None,
        times_account=times[0].account if times else None,
        moving=moving_days(facts, context),
        accounts=_accounts(facts),
        accounts_left_out=len(facts.accounts[MAX_ACCOUNTS:]),
        strip=strip_of(facts, context),
        record=record_of(facts, context),
        gaps=facts.gaps[:MAX_GAPS],
        gaps_left_out=len(facts.gaps[MAX_GAPS:]),
    )


def _worst(facts: ChannelFacts, ranking: str) -> list[WorstOperation]:
    return [each for each in facts.worst if each.ranking == ranking][:MAX_WORST]


def _is_open(days: Iterable[Sums]) -> bool:
    shares = (sums.success for sums in days)
    return any(share.high > share.low for share in shares if share)


def _figure(drawing: Drawing | None) -> Figure | None:
    from markupsafe import Markup  # noqa: PLC0415 - comes with jinja2, an extra

    if drawing is None:
        return None
    return Figure(Markup(svg(drawing)), drawing.finding)  # noqa: S704 - see charts.drawing


def _accounts(facts: ChannelFacts) -> list[AccountRow]:
    """The largest accounts, and how much their success rate has changed."""
    rows = []
    for each in facts.accounts[:MAX_ACCOUNTS]:
        sums = each.sums
        measure = "delivery_rate" if sums.has_receipts else "acceptance_rate"
        changed = points(change_of(facts.trends, measure, account=each.account))
        rows.append(
            AccountRow(
                account=each.account,
                requested=count(sums.requested),
                success=percent(sums.success),
                no_outcome=percent(sums.without_outcome),
                change=changed.removesuffix(" points"),
            )
        )
    return rows
