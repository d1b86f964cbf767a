"""What is wrong, in sentences that say what to look at. Pure.

`act` is what gets worse by waiting or is lost already; `look` is what somebody should know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from comms_source.report.calendar import DAYS, WEEK, start_of
from comms_source.report.facts import ChannelFacts, Facts, Made
from comms_source.report.figures import Week, day_of, week_of
from comms_source.report.health import Health, health_of
from comms_source.report.sums import Share, decided, success
from comms_source.report.wording import (
    RESOURCES,
    SUCCESS,
    brief_moment,
    counted,
    day,
    hours,
    listed,
    moment,
    percent,
    short,
)

DROP: Final = 0.02
"""By how much a week's success must fall to be worth a word."""
DAY_DROP: Final = 0.05
"""The same for one day against the week."""
ENOUGH: Final = 100
"""From so many known outcomes on a day's success says something."""
HALF: Final = 0.5
SOON: Final = timedelta(days=1)
MOST_NAMES: Final = 3

STUCK: Final = {
    "processing too long": "processing for more than an hour",
    "ended with some waiting": "ended although some still wait to be sent",
    "lost from sight": "still open when the API stopped answering for them",
}
"""What each reason of the view `stuck_operations` means."""


Level = Literal["act", "look"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One thing that is wrong, and the channels that it is wrong with."""

    level: Level
    channels: Sequence[str]
    text: str


def concerns_of(facts: Facts) -> list[Concern]:
    """All that is wrong, what to act on first."""
    found: dict[tuple[Level, str], list[str]] = {}
    for channel in facts.channels:
        for told in _of_channel(channel, facts.made):
            found.setdefault(told, []).append(channel.channel)
    concerns = [
        Concern(level=level, channels=channels, text=text)
        for (level, text), channels in found.items()
    ]
    return sorted(concerns, key=lambda concern: concern.level != "act")


_Told = Iterator[tuple[Level, str]]


def _of_channel(facts: ChannelFacts, made: Made) -> _Told:
    yield from _reading(facts, made)
    yield from _gaps(facts, made)
    yield from _stuck(facts)
    yield from _failing(facts, made)
    yield from _record(facts, made)


def _reading(facts: ChannelFacts, made: Made) -> _Told:
    health = health_of(facts.health, now=made.at)
    if health is None:
        return
    yield from _deadline(health, made)
    if health.failed_accounts:
        whose = _names(health.failed_accounts)
        yield "look", f"the last run was not complete ({whose}); comms status tells why"


def _deadline(health: Health, made: Made) -> _Told:
    if health.without_cover:
        whose = _names(health.without_cover)
        yield "act", f"nothing recent was read completely ({whose}); run comms load"
    if health.deadline is None:
        return
    at = moment(health.deadline, zone=made.time_zone)
    if health.deadline <= made.at:
        yield "act", f"creation time is being lost since {at}; run comms load now"
    elif health.deadline - made.at < SOON:
        yield "act", f"run comms load before {at}, or creation time is lost"
    elif health.last_read_at and made.at - health.last_read_at > SOON:
        ago = hours((made.at - health.last_read_at).total_seconds() / 3600)
        yield "look", f"last read {ago} ago; what came since is not in these figures"


def _gaps(facts: ChannelFacts, made: Made) -> _Told:
    since = start_of(made.today - timedelta(days=DAYS), zone=made.time_zone)
    recent = [gap for gap in facts.gaps if gap.end > since]
    if recent:
        last = max(recent, key=lambda gap: gap.end)
        from_, to = (brief_moment(at, zone=made.time_zone) for at in (last.start, last.end))
        number = counted(len(recent), "gap")
        latest = f"the latest from {from_} to {to}"
        yield "act", f"{number} in the last {DAYS} days, lost for good; {latest}"


def _stuck(facts: ChannelFacts) -> _Told:
    for reason, number in sorted(facts.stuck.items()):
        yield "act", f"{counted(number, 'operation')} {STUCK.get(reason, reason)}"


def _failing(facts: ChannelFacts, made: Made) -> _Told:
    week = week_of(facts, made)
    before = success(week.compared, facts.channel)
    now = success(week.shown, facts.channel)
    word = SUCCESS[facts.channel]
    if now and before and now.high < before.low - DROP:
        after = f"after {percent(before)} in the {WEEK} before"
        yield "act", f"{percent(now)} {word} in the last {WEEK} days, {after}"
    yield from _failing_days(facts, week)
    yield from _failing_operations(facts, made)


def _failing_days(facts: ChannelFacts, week: Week) -> _Told:
    usual = success(week.shown, facts.channel)
    for days_ago, name in ((0, "today so far"), (1, "yesterday")):
        sums = day_of(facts, days_ago).all
        share = success(sums, facts.channel)
        if _fell(share, usual) and decided(sums, facts.channel) >= ENOUGH:
            week_before = f"{percent(usual)} in the {WEEK} days until {day(week.last)}"
            yield "act", f"{percent(share)} {SUCCESS[facts.channel]} {name}, {week_before}"


def _fell(now: Share | None, usual: Share | None) -> bool:
    return now is not None and usual is not None and now.high < usual.low - DAY_DROP


def _failing_operations(facts: ChannelFacts, made: Made) -> _Told:
    since = made.at - timedelta(days=WEEK)
    failing = [
        each
        for each in facts.worst
        if (each.loss_rate or 0) >= HALF and each.lost >= ENOUGH and each.created_at >= since
    ]
    if failing:
        lost, whose = sum(each.lost for each in failing), "its" if len(failing) == 1 else "their"
        number = f"{counted(len(failing), 'operation')} of the last {WEEK} days"
        part = f"at least half of {whose} {RESOURCES[facts.channel]}"
        yield "act", f"{number} lost {part}, {lost:,} in all"


def _record(facts: ChannelFacts, made: Made) -> _Told:
    health = health_of(facts.health, now=made.at)
    if health and health.rejected:
        rows = counted(health.rejected, "row")
        yield "look", f"{rows} of the API's could not be read, see rejected_operations"
    odd = sum(facts.contradictions.values())
    if odd:
        number = f"{counted(odd, 'operation')} of the last {DAYS} days"
        yield "look", f"{number} with counters that contradict, see stats_checks"


def _names(accounts: Sequence[str]) -> str:
    left = len(accounts) - MOST_NAMES
    first = [short(account, most=40) for account in accounts[:MOST_NAMES]]
    names = [*first, *([f"{left} more"] if left > 0 else [])]
    return listed(names)
