"""All that the page shows of one channel. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from comms_source.report.charts.delivery import delivery
from comms_source.report.charts.drawing import Drawing, svg
from comms_source.report.charts.funnel import funnel
from comms_source.report.charts.hours import hours, top_of, unit_of
from comms_source.report.charts.settling import settling
from comms_source.report.facts import (
    AccountWeek,
    ChannelFacts,
    CompletionTime,
    Gap,
    Made,
    WorstOperation,
)
from comms_source.report.figures import YoungDay, week_of, young_days
from comms_source.report.funnel import Funnel, funnel_of
from comms_source.report.heat import heat_of
from comms_source.report.leaders import of_largest
from comms_source.report.page.headline import Headline, headline_of
from comms_source.report.page.record import Fact, record_of
from comms_source.report.strip import StripDay, strip_of
from comms_source.report.sums import success
from comms_source.report.wording import compact, count, listed

MOST_ACCOUNTS: Final = 20
MOST_GAPS: Final = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart as the page holds it."""

    svg: Any
    """Markup."""
    finding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPage:
    """One channel, ready to be shown; a figure is None where there is nothing to draw."""

    channel: str
    stored: int
    headline: Headline
    is_open: bool
    """Whether the share of some day is an interval."""
    delivery: Figure | None
    funnel: Figure | None
    funnel_notes: Sequence[str]
    worst: Sequence[WorstOperation]
    hours: Figure | None
    hours_unit: str
    hours_top: str
    settling: Figure | None
    times: Sequence[CompletionTime]
    curve_account: str | None
    times_account: str | None
    young: Sequence[YoungDay]
    accounts: Sequence[AccountWeek]
    accounts_left_out: int
    strip: Sequence[StripDay]
    record: Sequence[Fact]
    gaps: Sequence[Gap]
    gaps_left_out: int


def channel_page(facts: ChannelFacts, made: Made) -> ChannelPage:
    """All that the page shows of a channel."""
    told = funnel_of(facts.channel, week_of(facts, made).shown)
    heat = heat_of(facts.hours)
    curve, times = of_largest(facts.curve), of_largest(facts.times)
    return ChannelPage(
        channel=facts.channel,
        stored=facts.stored,
        headline=headline_of(facts, made),
        is_open=_is_open(facts),
        delivery=_figure(delivery(facts, made)),
        funnel=_figure(funnel(facts.channel, told)) if told.operations else None,
        funnel_notes=_notes(told),
        worst=facts.worst,
        hours=_figure(hours(facts.channel, heat)),
        hours_unit=unit_of(facts.channel, heat),
        hours_top=compact(top_of(heat)),
        settling=_figure(settling(facts.channel, curve)),
        times=times,
        curve_account=curve[0].account if curve else None,
        times_account=times[0].account if times else None,
        young=young_days(facts, made),
        accounts=facts.accounts[:MOST_ACCOUNTS],
        accounts_left_out=len(facts.accounts[MOST_ACCOUNTS:]),
        strip=strip_of(facts, made),
        record=record_of(facts, made),
        gaps=facts.gaps[:MOST_GAPS],
        gaps_left_out=len(facts.gaps[MOST_GAPS:]),
    )


def _is_open(facts: ChannelFacts) -> bool:
    shares = (success(day.all, facts.channel) for day in facts.days.values())
    return any(share.high > share.low for share in shares if share)


def _figure(drawing: Drawing | None) -> Figure | None:
    from markupsafe import Markup  # noqa: PLC0415 - comes with jinja2, an extra

    if drawing is None:
        return None
    return Figure(Markup(svg(drawing)), drawing.finding)  # noqa: S704 - see charts.drawing


def _notes(told: Funnel) -> list[str]:
    """What the funnel leaves out, or knows of some operations only."""
    notes = [f"Not known, so not drawn: {listed(told.unknown)}."] if told.unknown else []
    if told.partial:
        stages = [f"{stage.name} by {count(stage.told)}" for stage in told.partial]
        notes.append(f"Told by some of {count(told.operations)} operations: {listed(stages)}.")
    return notes if told.operations else []
