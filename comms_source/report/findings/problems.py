"""Problems: few findings, each with its size, its usual value, and what to do. Pure.

A rate is compared with the seven days before, each as it was known at the same age. A finding needs
enough volume, and ends when the problem is over. The level `act` is for problems that get worse
with time, `look` for problems that people should know about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from comms_source.report.data.days import start_of
from comms_source.report.data.facts import ChannelFacts, Facts, ReportContext, Trend
from comms_source.report.data.sums import Share
from comms_source.report.findings.health import Health, health_of
from comms_source.report.findings.periods import COVERED, frozen_days
from comms_source.report.wording import (
    RESOURCES,
    brief_moment,
    hours,
    listed,
    moment,
    percent,
    ranges,
    short,
)
from comms_source.words import counted

MANY_OPERATIONS: Final = 10
"""With this many operations, a rate must also be unusual without the worst of them."""
MIN_DAYS: Final = 4
"""The minimum number of days in a usual range."""
SOON: Final = timedelta(days=1)
LATE: Final = timedelta(hours=36)
"""Figures are stale after this time without a reading."""
MAX_NAMES: Final = 3

STUCK: Final = {
    "processing_too_long": (
        "being processed for longer than usual",
        "ask Twilio about them if they do not end",
    ),
    "finished_with_queued": (
        "ended although some of their resources were never sent",
        "send those again if they still matter",
    ),
    "not_found": (
        "still active when the API stopped answering for them",
        "check them in the Twilio Console",
    ),
}
"""What each reason of the view `stuck_operations` means, and what to do."""

Kind = Literal[
    "no_receipts",
    "rate_down",
    "unaddressable_up",
    "stuck",
    "frozen",
    "gap",
    "rejected",
    "deadline",
    "stale",
    "run_failed",
    "not_covered",
]
Level = Literal["act", "look"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One problem, and the channels that have it."""

    kind: Kind
    level: Level
    channels: Sequence[str]
    text: str
    """The problem, its size, and what it is compared with."""
    since: datetime | None
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    kind: Kind
    level: Level
    text: str
    since: datetime | None
    remedy: str


def concerns_of(facts: Facts) -> list[Concern]:
    """All problems, `act` first; a problem that several channels share is one finding."""
    found: dict[_Finding, list[str]] = {}
    for channel in facts.channels:
        for finding in _of_channel(channel, facts.context, several=facts.accounts > 1):
            found.setdefault(finding, []).append(channel.channel)
    concerns = [
        Concern(
            kind=finding.kind,
            level=finding.level,
            channels=channels,
            text=finding.text,
            since=finding.since,
            remedy=finding.remedy,
        )
        for finding, channels in found.items()
    ]
    return sorted(concerns, key=lambda concern: concern.level != "act")


def _of_channel(
    facts: ChannelFacts, context: ReportContext, *, several: bool
) -> Iterator[_Finding]:
    yield from _reading(facts, context)
    yield from _gaps(facts, context)
    yield from _frozen(facts, context)
    yield from _stuck(facts)
    for trends in _by_account(facts.trends):
        yield from _rates(facts.channel, trends, context, several=several)
    yield from _rejected(facts, context)


def _reading(facts: ChannelFacts, context: ReportContext) -> Iterator[_Finding]:
    health = health_of(facts.health, now=context.at)
    if health is None:
        return
    yield from _deadlines(health, context)
    if health.failed_accounts:
        yield _Finding(
            kind="run_failed",
            level="look",
            text=f"the last run was not complete ({_names(health.failed_accounts)})",
            since=None,
            remedy="run comms status to see why",
        )


def _deadlines(health: Health, context: ReportContext) -> Iterator[_Finding]:
    if health.without_cover:
        yield _Finding(
            kind="not_covered",
            level="act",
            text=f"nothing recent was read completely ({_names(health.without_cover)})",
            since=None,
            remedy="run comms load",
        )
    if health.deadline and health.deadline - context.at < SOON:
        at = moment(health.deadline, zone=context.time_zone)
        past = health.deadline <= context.at
        yield _Finding(
            kind="deadline",
            level="act",
            text=f"sends are being lost since {at}" if past else f"sends will be lost after {at}",
            since=health.deadline if past else None,
            remedy="run comms load now" if past else "run comms load before then",
        )
    elif health.freezes_at and health.freezes_at <= context.at:
        at = moment(health.freezes_at, zone=context.time_zone)
        yield _Finding(
            kind="deadline",
            level="act",
            text=f"figures are freezing since {at} that may still have changed",
            since=health.freezes_at,
            remedy="run comms load now",
        )
    elif health.last_synced_at and context.at - health.last_synced_at > LATE:
        ago = hours((context.at - health.last_synced_at).total_seconds() / 3600)
        yield _Finding(
            kind="stale",
            level="look",
            text=f"last read {ago} ago; newer data is not in these figures",
            since=health.last_synced_at,
            remedy="run comms load, or check why it does not run",
        )


def _gaps(facts: ChannelFacts, context: ReportContext) -> Iterator[_Finding]:
    since = context.at - timedelta(days=context.settings.alert_days)
    recent = [gap for gap in facts.gaps if gap.found_at > since]
    if not recent:
        return
    first, last = min(gap.start for gap in recent), max(gap.end for gap in recent)
    length = sum((gap.end - gap.start for gap in recent), timedelta(0))
    from_, to = (brief_moment(at, zone=context.time_zone) for at in (first, last))
    yield _Finding(
        kind="gap",
        level="act",
        text=f"{hours(length.total_seconds() / 3600)} of sends were never read, {from_} to {to}",
        since=min(gap.found_at for gap in recent),
        remedy="figures of those days are too low; run comms load at least once a day",
    )


def _frozen(facts: ChannelFacts, context: ReportContext) -> Iterator[_Finding]:
    """A day freezes when its retention ends, and is reported for `alert_days` after that."""
    oldest = context.at - context.retention - timedelta(days=context.settings.alert_days)
    lately = [
        day
        for day in frozen_days(facts, context)
        if start_of(day, zone=context.time_zone) >= oldest
    ]
    if lately:
        yield _Finding(
            kind="frozen",
            level="look",
            text=f"the figures of {ranges(lately)} froze early: they were last read more than a "
            "day before the API forgot them, and may be too low",
            since=start_of(min(lately), zone=context.time_zone) + context.retention,
            remedy="do not compare those days; run comms load at least once a day",
        )


def _stuck(facts: ChannelFacts) -> Iterator[_Finding]:
    for reason, number in sorted(facts.stuck.items()):
        text, remedy = STUCK.get(reason, (reason, "see the view stuck_operations"))
        yield _Finding(
            kind="stuck",
            level="act",
            text=f"{counted(number, 'operation')} {text}",
            since=None,
            remedy=remedy,
        )


def _by_account(trends: Iterable[Trend]) -> Iterator[dict[str, Trend]]:
    """The measures of the period `day`, of one account at a time."""
    accounts: dict[str, dict[str, Trend]] = {}
    for trend in trends:
        if trend.period == "day":
            accounts.setdefault(trend.account, {})[trend.measure] = trend
    yield from accounts.values()


def _rates(
    channel: str, trends: dict[str, Trend], context: ReportContext, *, several: bool
) -> Iterator[_Finding]:
    points = context.settings.alert_points

    def finding(kind: Kind, measure: str, text: str, remedy: str) -> _Finding:
        trend = trends[measure]
        account = f" ({short(trend.account, most=40)})" if several else ""
        whole = trend.denominators[0] if trend.denominators else 0
        what = "recipients" if measure == "unaddressable_rate" else RESOURCES[channel]
        return _Finding(
            kind=kind,
            level="act",
            text=f"{percent(trend.value)} of {whole:,} {what} {text}{account}; "
            f"usual at this age is {percent(trend.usual)}",
            since=trend.as_of - timedelta(hours=27),
            remedy=remedy,
        )

    silent = _above(
        trends.get("without_outcome_rate"), by=points, but_largest_by=points / 2, context=context
    )
    if silent:
        yield finding(
            "no_receipts",
            "without_outcome_rate",
            "of a day have no outcome after 3 hours or more",
            "delivery receipts are missing or late: ask the carrier or Twilio",
        )
    lost = [
        _above(trends.get(name), by=points / 2, but_largest_by=points / 4, context=context)
        for name in _LOSSES
    ]
    for measure, word in _SUCCESSES.items():
        if _below(trends.get(measure), by=points, context=context) and (any(lost) or not silent):
            yield finding(
                "rate_down",
                measure,
                f"of a day were {word} after 3 hours or more",
                "see the worst operations below, and their error codes in the Twilio Console",
            )
    if _unaddressable_rose(trends.get("unaddressable_rate"), context):
        yield finding(
            "unaddressable_up",
            "unaddressable_rate",
            "of a day had no suitable address",
            "check the recipient list of the sends",
        )


def _unaddressable_rose(trend: Trend | None, context: ReportContext) -> bool:
    """Few recipients are unaddressable, so the rise is compared with the usual rate."""
    if trend is None or trend.usual is None or trend.usual_but_largest is None:
        return False
    points = context.settings.alert_points
    by = max(points / 5, trend.usual.high / 2)
    but_largest_by = max(0.3 * points, 0.7 * trend.usual_but_largest.high)
    return _above(trend, by=by, but_largest_by=but_largest_by, context=context)


_LOSSES: Final = ("undelivered_rate", "failed_rate")
_SUCCESSES: Final = {
    "delivery_rate": "delivered",
    "acceptance_rate": "accepted by the carrier or push service",
}


def comparable(trend: Trend | None, context: ReportContext) -> tuple[Share, Share] | None:
    """The rate and its usual range, if there are enough volume and enough days to compare with."""
    if trend is None or trend.value is None or trend.usual is None:
        return None
    enough = (
        trend.denominators is not None and trend.denominators[0] >= context.settings.alert_volume
    )
    read = (trend.covered_share or 0.0) >= COVERED
    fresh = context.at - trend.as_of <= LATE
    if enough and read and fresh and trend.usual_days >= MIN_DAYS:
        return trend.value, trend.usual
    return None


def _above(
    trend: Trend | None, *, by: float, but_largest_by: float, context: ReportContext
) -> bool:
    pair = comparable(trend, context)
    if trend is None or pair is None or pair[0].low <= pair[1].high + by:
        return False
    if trend.operations < MANY_OPERATIONS or trend.but_largest is None:
        return True
    usual = trend.usual_but_largest
    return usual is not None and trend.but_largest > usual.high + but_largest_by


def _below(trend: Trend | None, *, by: float, context: ReportContext) -> bool:
    pair = comparable(trend, context)
    if trend is None or pair is None or pair[0].high >= pair[1].low - by:
        return False
    if trend.operations < MANY_OPERATIONS or trend.but_largest is None:
        return True
    usual = trend.usual_but_largest
    return usual is not None and trend.but_largest < usual.low - by / 2


def _rejected(facts: ChannelFacts, context: ReportContext) -> Iterator[_Finding]:
    if facts.rejected_lately:
        rows = counted(facts.rejected_lately, "row")
        yield _Finding(
            kind="rejected",
            level="look",
            text=f"{rows} of the API in the last {context.settings.alert_days} days could "
            "not be stored",
            since=None,
            remedy="see the table rejected_operations",
        )


def _names(accounts: Sequence[str]) -> str:
    left = len(accounts) - MAX_NAMES
    first = [short(account, most=40) for account in accounts[:MAX_NAMES]]
    names = [*first, *([f"{left} more"] if left > 0 else [])]
    return listed(names)
