"""From the rows of a report's queries to its facts. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from comms_source.report.facts import (
    AccountHealth,
    AccountWeek,
    ChannelFacts,
    CompletionTime,
    DaySums,
    Facts,
    Gap,
    HourVolume,
    Made,
    Older,
    ReadWindow,
    SettlePoint,
    Stuck,
    WorstOperation,
)
from comms_source.report.queries import SUMS
from comms_source.report.sums import Share, Sums
from comms_source.windows import parse_instant

Rows = Sequence[Sequence[Any]]

SIZES: Final = (
    *("none", "1", "2 to 10", "11 to 100", "101 to 1000", "over 1000"),
    "not known",
)
"""The sizes of operations, in the order in which people read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The rows of each query; the channel is the first column of each."""

    stored: Rows
    days: Rows
    older: Rows
    hours: Rows
    worst: Rows
    stuck: Rows
    contradictions: Rows
    curve: Rows
    times: Rows
    trend: Rows
    health: Rows
    windows: Rows
    gaps: Rows


def facts_of(answers: Answers, *, made: Made, channels: Sequence[str], told: bool) -> Facts:
    """The facts that the rows tell.

    Args:
        answers: The rows.
        made: When and from what they were read.
        channels: The channels that were asked about.
        told: Whether somebody named them; else those are left out that nothing is known of.
    """
    seen = {row[0] for row in (*answers.stored, *answers.health)}
    accounts = {account for row in answers.stored for account in row[1:3]}
    shown = [channel for channel in channels if told or not seen or channel in seen]
    return Facts(
        made=made,
        channels=[_channel(channel, answers) for channel in shown],
        stuck=[_stuck(row) for row in answers.stuck],
        accounts=min(2, len(accounts)),
    )


def _channel(channel: str, answers: Answers) -> ChannelFacts:
    def mine(rows: Rows) -> list[Sequence[Any]]:
        return [row[1:] for row in rows if row[0] == channel]

    days = _days(mine(answers.days))
    return ChannelFacts(
        channel=channel,
        stored=sum(int(row[2]) for row in mine(answers.stored)),
        first_created_at=min((_instant(row[3]) for row in mine(answers.stored)), default=None),
        days=days,
        older=_older(mine(answers.older)),
        hours=[_hour(*row) for row in mine(answers.hours)],
        worst=[_worst(*row) for row in mine(answers.worst)],
        stuck={row[0]: int(row[1]) for row in mine(answers.stuck)},
        contradictions={row[0]: int(row[1]) for row in mine(answers.contradictions)},
        curve=[_point(*row) for row in mine(answers.curve)],
        times=sorted((_time(*row) for row in mine(answers.times)), key=_by_size),
        accounts=sorted((_account(*row) for row in mine(answers.trend)), key=_by_traffic),
        health=sorted((_health(*row) for row in mine(answers.health)), key=_by_account),
        windows=[_window(*row) for row in mine(answers.windows)],
        gaps=[_gap(*row) for row in mine(answers.gaps)],
    )


def _days(rows: Iterable[Sequence[Any]]) -> dict[int, DaySums]:
    settled: dict[int, Sums] = defaultdict(Sums)
    moving: dict[int, Sums] = defaultdict(Sums)
    newest: dict[int, datetime] = {}
    for days_ago, is_settled, last, *values in rows:
        named: dict[str, Any] = dict(zip(SUMS, map(_whole, values), strict=True))
        sums = Sums(**named)
        if is_settled:
            settled[int(days_ago)] += sums
        else:
            moving[int(days_ago)] += sums
            newest[int(days_ago)] = _instant(last)
    return {
        ago: DaySums(settled=settled[ago], moving=moving[ago], newest_moving=newest.get(ago))
        for ago in sorted(settled.keys() | moving.keys())
    }


def _older(rows: Sequence[Sequence[Any]]) -> Older | None:
    for moving, in_flight, last in rows:
        return Older(moving=int(moving), in_flight=_whole(in_flight), newest=_instant(last))
    return None


def _hour(day: Any, hour: Any, operations: Any, resources: Any) -> HourVolume:
    return HourVolume(
        day=_day(day), hour=int(hour), operations=int(operations), resources=_whole(resources)
    )


def _worst(*row: Any) -> WorstOperation:
    account, name, status, created_at, resources, lost, loss_rate = row
    return WorstOperation(
        account=account,
        id=name,
        status=status,
        created_at=_instant(created_at),
        resources=_whole(resources),
        lost=int(lost),
        loss_rate=_number(loss_rate),
    )


def _stuck(row: Sequence[Any]) -> Stuck:
    channel, reason, _, account, name, status, created_at, resources, waiting = row
    return Stuck(
        channel=channel,
        account=account,
        id=name,
        reason=reason,
        status=status,
        created_at=_instant(created_at),
        resources=_whole(resources),
        waiting=int(waiting),
    )


def _point(account: Any, age_hours: Any, operations: Any, *shares: Any) -> SettlePoint:
    outcomes, reached, engaged = map(_number, shares)
    return SettlePoint(
        account=account,
        age_hours=float(age_hours),
        operations=int(operations),
        outcomes=outcomes,
        reached=reached,
        engaged=engaged,
    )


def _time(account: Any, size: Any, operations: Any, *ends: Any) -> CompletionTime:
    p50, p90, p99 = (_pair(low, high) for low, high in zip(ends[::2], ends[1::2], strict=True))
    return CompletionTime(
        account=account, size=size, operations=int(operations), p50=p50, p90=p90, p99=p99
    )


def _account(account: Any, operations: Any, settled: Any, total: Any, *ends: Any) -> AccountWeek:
    delivery, previous, engagement = (
        None if pair is None else Share(*pair)
        for pair in (_pair(low, high) for low, high in zip(ends[::2], ends[1::2], strict=True))
    )
    return AccountWeek(
        account=account,
        operations=int(operations),
        settled_operations=int(settled),
        resources=_whole(total),
        delivery=delivery,
        previous_delivery=previous,
        engagement=engagement,
    )


def _by_account(health: AccountHealth) -> str:
    return health.account


def _by_size(time: CompletionTime) -> tuple[str, int]:
    return time.account, SIZES.index(time.size)


def _by_traffic(week: AccountWeek) -> tuple[int, str]:
    return -(week.resources or 0), week.account


def _health(*row: Any) -> AccountHealth:
    account, read_at, deadline, gaps, gap_hours, rejected, followed, lost, *last_runs = row
    last_run_at, outcome, runs, troubled = last_runs
    return AccountHealth(
        account=account,
        last_read_at=None if read_at is None else _instant(read_at),
        hours_to_deadline=_number(deadline),
        gaps=int(gaps),
        gap_hours=float(gap_hours),
        rejected=int(rejected),
        followed=int(followed),
        lost=int(lost),
        last_run_at=None if last_run_at is None else _instant(last_run_at),
        last_run_outcome=outcome,
        runs=int(runs),
        troubled_runs=int(troubled),
    )


def _window(start: Any, end: Any, complete: Any) -> ReadWindow:
    return ReadWindow(start=_instant(start), end=_instant(end), is_complete=bool(complete))


def _gap(account: Any, start: Any, end: Any) -> Gap:
    return Gap(account=account, start=_instant(start), end=_instant(end))


def _pair(low: Any, high: Any) -> tuple[float, float] | None:
    return None if low is None or high is None else (float(low), float(high))


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _instant(value: Any) -> datetime:
    return parse_instant(value)


def _day(value: Any) -> date:
    """Destinations tell a date as a date, a midnight or text."""
    if isinstance(value, str):
        return date.fromisoformat(value[:10])
    day: date = value.date() if isinstance(value, datetime) else value
    return day
