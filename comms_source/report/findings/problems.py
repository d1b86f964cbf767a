"""Problems: few findings, each with its size, its usual value, and what to do. Pure.

A rate is compared with the seven days before, each as it was known at the same age. A finding needs
enough volume, and ends when the problem is over. The level `act` is for problems that get worse
with time, `look` for problems that people should know about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Final, Literal

from comms_source.report import wording
from comms_source.report.data.days import start_of
from comms_source.report.data.facts import COVERED, ChannelFacts, Facts, ReportContext, Trend
from comms_source.report.data.sums import Share
from comms_source.report.findings.health import Health, health_of
from comms_source.report.findings.periods import frozen_days
from comms_source.words import counted

MANY_OPERATIONS: Final = 10
"""With this many operations, a rate must also be unusual without the worst of them."""
MIN_DAYS: Final = 4
"""The minimum number of days in a usual range."""
SOON: Final = timedelta(days=1)
LATE: Final = timedelta(hours=36)
"""Figures are stale after this time without a reading."""
MAX_NAMES: Final = 3
LONGEST_NAME: Final = 64
"""The name of an account is cut if it is longer."""

Level = Literal["act", "look"]
_Unusual = tuple[str, Trend, str]
"""A kind of problem, the rate that shows it, and what it is a rate of."""

KINDS: Final[Mapping[str, tuple[Level, str]]] = {
    "not_covered": ("act", "run comms load; if that does not help, comms check shows why"),
    "deadline": ("act", "run comms load now"),
    "stale": ("look", "run comms load, or check why it does not run"),
    "run_failed": ("look", "run comms status to see why"),
    "gap": ("act", "figures of those days are too low; run comms load at least once a day"),
    "frozen": ("look", "do not compare those days; run comms load at least once a day"),
    "stuck": ("act", "see the view stuck_operations"),
    "no_receipts": ("act", "delivery receipts are missing or late: ask the carrier or Twilio"),
    "rate_down": (
        "act",
        "see the view worst_operations, and the error codes of these in the Twilio Console",
    ),
    "unaddressable_up": ("act", "check the recipient list of the sends"),
    "rejected": ("look", "run comms rejected to see them, and to mark those that you know"),
}
"""The level of each kind of problem, and what to do."""

STUCK: Final = {
    "processing_too_long": (
        "being processed for longer than usual",
        "ask Twilio why if that does not end",
    ),
    "finished_with_queued": (
        "ended although some resources were never sent",
        "send those again if they still matter",
    ),
    "not_found": (
        "still active when the API last answered by id",
        "check in the Twilio Console what came of it",
    ),
}
"""What each reason of the view `stuck_operations` means, and what to do."""

SUCCESSES: Final = {
    "delivery_rate": "delivered",
    "acceptance_rate": "accepted by the carrier or push service",
}
LOSSES: Final = ("undelivered_rate", "failed_rate")
DATED: Final = frozenset({"deadline", "no_receipts", "rate_down", "unaddressable_up"})
"""The kinds whose text has a date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One problem, and the channels that have it."""

    kind: str
    """One of `KINDS`."""
    level: Level
    channels: Sequence[str] = ()
    text: str
    """The problem, its size, and what it is compared with."""
    since: datetime | None
    remedy: str

    @property
    def shown_since(self) -> datetime | None:
        """When it began, where the text does not say it."""
        return None if self.kind in DATED else self.since


def concerns_of(facts: Facts) -> list[Concern]:
    """All problems, `act` first; a problem that several channels share is one finding."""
    found: dict[Concern, list[str]] = {}
    for channel in facts.channels:
        for concern in _of_channel(channel, facts.context, several=facts.accounts > 1):
            found.setdefault(concern, []).append(channel.channel)
    concerns = [replace(concern, channels=channels) for concern, channels in found.items()]
    return sorted(concerns, key=lambda concern: concern.level != "act")


def _concern(
    kind: str, text: str, *, since: datetime | None = None, remedy: str | None = None
) -> Concern:
    level, usual_remedy = KINDS[kind]
    return Concern(kind=kind, level=level, text=text, since=since, remedy=remedy or usual_remedy)


def _of_channel(facts: ChannelFacts, context: ReportContext, *, several: bool) -> Iterator[Concern]:
    health = health_of(facts, context)
    if health and health.is_loaded:
        yield from _reading(health, context)
    yield from _lost(facts, context)
    for reason, number in sorted(facts.stuck.items()):
        text, remedy = STUCK.get(reason, (reason, None))
        yield _concern("stuck", f"{counted(number, 'operation')} {text}", remedy=remedy)
    moment = partial(wording.moment, zone=context.time_zone)
    of_day = (trend for trend in facts.trends if trend.period == "day")
    for account, trends in groupby(of_day, key=lambda trend: trend.account):
        whose = f" ({wording.short(account, most=LONGEST_NAME)})" if several else ""
        for kind, rate, what in _unusual({trend.measure: trend for trend in trends}, context):
            unit = "recipients" if kind == "unaddressable_up" else wording.RESOURCES[facts.channel]
            whole = f"{int(rate.denominator.low if rate.denominator else 0):,} {unit}"
            start = rate.as_of - timedelta(hours=27)  # The sends of the day are 3 to 27 hours old.
            text = (
                f"{wording.percent(rate.value)} of {whole} of the 24 hours from {moment(start)}, "
                f"{what}{whose}; usual at this age is {wording.percent(rate.usual)}"
            )
            yield _concern(kind, text, since=start)
    if facts.rejected_lately:
        rows = counted(facts.rejected_lately, "row")
        days = context.settings.alert_days
        lately = "day" if days == 1 else f"{days} days"
        yield _concern("rejected", f"{rows} of the API in the last {lately} could not be stored")


def _reading(health: Health, context: ReportContext) -> Iterator[Concern]:
    if health.without_cover:
        names = _names(health.without_cover)
        yield _concern("not_covered", f"nothing recent was read completely ({names})")
    moment = partial(wording.moment, zone=context.time_zone)
    if health.deadline and health.deadline <= context.at:
        text = f"sends are being lost since {moment(health.deadline)}"
        yield _concern("deadline", text, since=health.deadline)
    elif health.deadline and health.deadline - context.at < SOON:
        text = f"sends will be lost after {moment(health.deadline)}"
        yield _concern("deadline", text, remedy="run comms load before then")
    elif health.freezes_at and health.freezes_at <= context.at:
        text = f"figures are freezing since {moment(health.freezes_at)} that may still have changed"
        yield _concern("deadline", text, since=health.freezes_at)
    elif health.last_synced_at and context.at - health.last_synced_at > LATE:
        ago = wording.seconds((context.at - health.last_synced_at).total_seconds())
        text = f"last read {ago} ago; newer data is not in these figures"
        yield _concern("stale", text, since=health.last_synced_at)
    if health.failed_accounts:
        names = _names(health.failed_accounts)
        yield _concern("run_failed", f"the last run was not complete ({names})")


def _lost(facts: ChannelFacts, context: ReportContext) -> Iterator[Concern]:
    """Gaps and frozen days; a day freezes when its retention ends."""
    zone = context.time_zone
    since = context.at - timedelta(days=context.settings.alert_days)
    gaps = [gap for gap in facts.gaps if gap.found_at > since]
    if gaps:
        first, last = min(gap.start for gap in gaps), max(gap.end for gap in gaps)
        length = sum((gap.end - gap.start for gap in gaps), timedelta(0))
        from_, to = (wording.brief_moment(at, zone=zone) for at in (first, last))
        text = (
            f"{wording.seconds(length.total_seconds())} of sends were never read, {from_} to {to}"
        )
        yield _concern("gap", text, since=min(gap.found_at for gap in gaps))
    ends = {
        day: start_of(day, zone=zone) + context.retention for day in frozen_days(facts, context)
    }
    frozen = [day for day, end in ends.items() if end >= since]
    if frozen:
        text = (
            f"the figures of {wording.ranges(frozen)} froze early: they were last read more than a "
            "day before the API forgot them, and may be too low"
        )
        yield _concern("frozen", text, since=ends[min(frozen)])


def _unusual(trends: Mapping[str, Trend], context: ReportContext) -> Iterator[_Unusual]:
    """The unusual rates of one account."""
    points = context.settings.alert_points
    silent = _is_unusual(trends.get("without_outcome_rate"), context, by=points)
    lost = any(_is_unusual(trends.get(measure), context, by=points / 2) for measure in LOSSES)
    if silent:
        rate = trends["without_outcome_rate"]
        yield "no_receipts", rate, "have no outcome after 3 hours or more"
    for measure, word in SUCCESSES.items():
        fell = _is_unusual(trends.get(measure), context, by=points, up=False)
        if fell and (lost or not silent):
            yield "rate_down", trends[measure], f"were {word} after 3 hours or more"
            break  # What is not accepted is not delivered either: one trouble, one concern.
    rare = trends.get("unaddressable_rate")
    if rare and rare.usual and rare.usual_but_largest:
        # Few recipients are unaddressable, so the rise is compared with the usual rate.
        by = max(points / 5, rare.usual.high / 2)
        but_largest_by = max(0.3 * points, 0.7 * rare.usual_but_largest.high)
        if _is_unusual(rare, context, by=by, but_largest_by=but_largest_by):
            yield "unaddressable_up", rare, "had no suitable address"


def _is_unusual(
    trend: Trend | None,
    context: ReportContext,
    *,
    by: float,
    but_largest_by: float | None = None,
    up: bool = True,
) -> bool:
    """Whether a rate is above its usual range, or below it, by more than `by`.

    Without the operation that is worst for it, it must be by more than `but_largest_by`, by default
    half of that.
    """
    pair = comparable(trend, context) if trend else None
    if trend is None or pair is None or _outside(*pair, up=up) <= by:
        return False
    if trend.operations < MANY_OPERATIONS or trend.but_largest is None:
        return True
    usual, but_largest = trend.usual_but_largest, Share(trend.but_largest, trend.but_largest)
    least = by / 2 if but_largest_by is None else but_largest_by
    return usual is not None and _outside(but_largest, usual, up=up) > least


def _outside(now: Share, usual: Share, *, up: bool) -> float:
    """How far a rate is above its usual range, or below it."""
    return now.low - usual.high if up else usual.low - now.high


def comparable(trend: Trend, context: ReportContext) -> tuple[Share, Share] | None:
    """The rate and its usual range, if there are enough volume and enough days to compare with."""
    if trend.value is None or trend.usual is None or trend.denominator is None:
        return None
    enough = trend.denominator.low >= context.settings.alert_volume
    read = (trend.covered_share or 0.0) >= COVERED
    fresh = context.at - trend.as_of <= LATE
    if enough and read and fresh and trend.usual_days >= MIN_DAYS:
        return trend.value, trend.usual
    return None


def _names(accounts: Sequence[str]) -> str:
    names = [wording.short(account, most=LONGEST_NAME) for account in accounts[:MAX_NAMES]]
    left = len(accounts) - MAX_NAMES
    return wording.listed([*names, f"{left} more"] if left > 0 else names)
