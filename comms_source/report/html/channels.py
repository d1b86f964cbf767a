"""The data of one channel on the page. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from comms_source.report.data.facts import (
    ChannelFacts,
    CompletionTime,
    ReportContext,
    TagFigures,
)
from comms_source.report.findings.coverage_strip import StripDay, strip_of
from comms_source.report.findings.details import Reason, reasons_of, tags_of
from comms_source.report.findings.funnel import funnel_of
from comms_source.report.findings.hours import heat_of
from comms_source.report.findings.largest_account import largest_account_rows
from comms_source.report.findings.periods import MovingDay, moving_days, week_of
from comms_source.report.html.charts.delivery import delivery
from comms_source.report.html.charts.drawing import Drawing
from comms_source.report.html.charts.funnel import funnel
from comms_source.report.html.charts.hours import hours, top_of, unit_of
from comms_source.report.html.charts.settling import settling
from comms_source.report.html.headline import Headline, headline_of
from comms_source.report.html.record import record_of
from comms_source.report.wording import ENGAGED, compact, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPage:
    """One channel, ready for the template; a chart is None if there is nothing to draw."""

    facts: ChannelFacts
    """The facts that the page shows as they are."""
    headline: Headline
    is_open: bool
    """Whether a share of some day is an interval."""
    delivery: Drawing | None
    funnel: Drawing | None
    funnel_note: str
    hours: Drawing | None
    hours_unit: str
    hours_top: str
    settling: Drawing | None
    settling_account: str | None
    times: Sequence[CompletionTime]
    moving: Sequence[MovingDay]
    strip: Sequence[StripDay]
    record: Mapping[str, str]
    reasons: Sequence[Reason]
    tags: Sequence[TagFigures]


def channel_page(facts: ChannelFacts, context: ReportContext, *, top: int) -> ChannelPage:
    """The data of a channel on the page; `top` is the largest volume of a day of any channel."""
    shown = funnel_of(week_of(facts, context).sums, engaged=ENGAGED.get(facts.channel))
    heat = heat_of(facts.hours)
    curve = largest_account_rows(facts.curve)
    successes = [day.sums.success for day in facts.days.values()]
    return ChannelPage(
        facts=facts,
        headline=headline_of(facts, context),
        is_open=any(share.high > share.low for share in successes if share),
        delivery=delivery(facts, context, top=top),
        funnel=funnel(facts.channel, shown) if shown.operations else None,
        funnel_note=f"Not known: {listed(shown.unknown)}." if shown.unknown else "",
        hours=hours(facts.channel, heat),
        hours_unit=unit_of(facts.channel, heat),
        hours_top=compact(top_of(heat)),
        settling=settling(facts.channel, curve),
        settling_account=curve[0].account if curve else None,
        times=largest_account_rows(facts.times),
        moving=moving_days(facts, context),
        strip=strip_of(facts, context),
        record=record_of(facts, context),
        reasons=reasons_of(facts.details) if facts.details else (),
        tags=tags_of(facts.details) if facts.details else (),
    )
