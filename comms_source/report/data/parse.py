"""Parse the rows of a report's queries into its facts. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from comms_source.report.data.days import WEEK
from comms_source.report.data.facts import (
    AccountHealth,
    AccountWeek,
    ChannelFacts,
    CompletionTime,
    Day,
    Facts,
    Finality,
    Gap,
    HourVolume,
    Older,
    ReadWindow,
    ReportContext,
    SettlePoint,
    Stuck,
    Trend,
    WorstOperation,
)
from comms_source.report.data.queries import SUMMED
from comms_source.report.data.sums import Share, Sums
from comms_source.timespans import parse_instant

Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRows:
    """The rows of each query; the channel is the first column of each row."""

    stored: Rows
    days: Rows
    finality: Rows
    older: Rows
    trend: Rows
    hours: Rows
    worst: Rows
    stuck: Rows
    problems: Rows
    rejected: Rows
    curve: Rows
    times: Rows
    health: Rows
    windows: Rows
    gaps: Rows


def facts_of(
    rows: QueryRows, *, context: ReportContext, channels: Sequence[str], named: bool
) -> Facts:
    """The facts in the rows.

    Args:
        rows: The rows of the queries.
        context: The time and the destination of the report.
        channels: The channels of the report.
        named: Whether the channels were named by the user; otherwise channels without data are
            left out.
    """
    seen = {row[0] for row in (*rows.stored, *rows.health)}
    accounts = {account for row in rows.stored for account in row[1:3]}
    shown = [channel for channel in channels if named or not seen or channel in seen]
    several = len(accounts) > 1
    return Facts(
        context=context,
        channels=[_channel(name, rows, today=context.today, several=several) for name in shown],
        stuck=[_stuck(row) for row in rows.stuck],
        accounts=min(2, len(accounts)),
    )


def _channel(channel: str, rows: QueryRows, *, today: date, several: bool) -> ChannelFacts:
    def mine(all_rows: Rows) -> list[Sequence[Any]]:
        return [row[1:] for row in all_rows if row[0] == channel]

    stored = mine(rows.stored)
    return ChannelFacts(
        channel=channel,
        stored=sum(int(row[2]) for row in stored),
        first_day=min((_day(row[3]) for row in stored), default=None),
        days=_days(mine(rows.days), mine(rows.finality)),
        older=next(
            (Older(operations=int(a), in_flight_low=_whole(b)) for a, b in mine(rows.older)),
            None,
        ),
        trends=[_trend(*row) for row in mine(rows.trend)],
        hours=[_hour(*row) for row in mine(rows.hours)],
        worst=[_worst(*row) for row in mine(rows.worst)],
        stuck={row[0]: int(row[1]) for row in mine(rows.stuck)},
        problems={row[0]: int(row[1]) for row in mine(rows.problems)},
        rejected_lately=sum(int(row[0]) for row in mine(rows.rejected)),
        curve=[_point(*row) for row in mine(rows.curve)],
        times=_times(mine(rows.times)),
        accounts=_accounts(mine(rows.days), today=today) if several else (),
        health=sorted((_health(*row) for row in mine(rows.health)), key=_by_account),
        windows=[_window(*row) for row in mine(rows.windows)],
        gaps=[_gap(*row) for row in mine(rows.gaps)],
    )


def _days(rows: Rows, finality: Rows) -> dict[date, Day]:
    sums: dict[date, Sums] = defaultdict(Sums)
    covered: dict[date, list[float]] = defaultdict(list)
    parts: dict[date, dict[str, Finality]] = defaultdict(dict)
    for _, day, share, *values in rows:
        sums[_day(day)] += _sums(values)
        covered[_day(day)] += [] if share is None else [float(share)]
    for day, name, operations, requested, hours_left in finality:
        parts[_day(day)][name] = Finality(
            operations=int(operations),
            requested=_whole(requested) or 0,
            hours_left=float(hours_left),
        )
    return {
        day: Day(
            sums=sums[day], covered_share=min(covered[day], default=None), by_finality=parts[day]
        )
        for day in sorted(sums)
    }


def _sums(values: Sequence[Any]) -> Sums:
    named: dict[str, Any] = dict(zip(SUMMED, map(_whole, values), strict=True))
    return Sums(**named)


def _accounts(rows: Rows, *, today: date) -> list[AccountWeek]:
    """The seven whole days before today by account, the largest account first."""
    sums: dict[str, Sums] = defaultdict(Sums)
    for account, day, _, *values in rows:
        if timedelta(0) < today - _day(day) <= timedelta(days=WEEK):
            sums[account] += _sums(values)
    weeks = [AccountWeek(account=account, sums=each) for account, each in sums.items()]
    return sorted(weeks, key=lambda week: (-(week.sums.requested or 0), week.account))


def _trend(*row: Any) -> Trend:
    account, period, measure, as_of, operations, *now = row
    value, numerators, denominators = (_pair(*now[at : at + 2]) for at in (0, 2, 4))
    largest, covered, *before = now[6:]
    previous, was_part, was_whole = (_pair(*before[at : at + 2]) for at in (0, 2, 4))
    previous_covered, *usual, usual_days = before[6:]
    return Trend(
        account=account,
        period=period,
        measure=measure,
        as_of=_instant(as_of),
        operations=int(operations),
        value=_share(value),
        numerators=_whole_pair(numerators),
        denominators=_whole_pair(denominators),
        but_largest=_number(largest),
        covered_share=_number(covered),
        previous=_share(previous),
        previous_numerators=_whole_pair(was_part),
        previous_denominators=_whole_pair(was_whole),
        previous_covered_share=_number(previous_covered),
        usual=_share(_pair(*usual[:2])),
        usual_but_largest=_share(_pair(*usual[2:])),
        usual_days=int(usual_days),
    )


def _hour(day: Any, hour: Any, operations: Any, requested: Any) -> HourVolume:
    return HourVolume(
        day=_day(day), hour=int(hour), operations=int(operations), requested=_whole(requested)
    )


def _worst(*row: Any) -> WorstOperation:
    ranking, account, name, status, created_at, attempted, not_delivered, not_delivered_rate = row
    return WorstOperation(
        ranking=ranking,
        account=account,
        id=name,
        status=status,
        created_at=_instant(created_at),
        attempted=_whole(attempted),
        not_delivered=int(not_delivered),
        not_delivered_rate=_number(not_delivered_rate),
    )


def _stuck(row: Sequence[Any]) -> Stuck:
    channel, reason, _, account, name, status, created_at, requested, waiting = row
    return Stuck(
        channel=channel,
        account=account,
        id=name,
        reason=reason,
        status=status,
        created_at=_instant(created_at),
        requested=_whole(requested),
        waiting=int(waiting),
    )


def _point(account: Any, age_hours: Any, operations: Any, *shares: Any) -> SettlePoint:
    outcomes, delivered, engaged = map(_number, shares)
    return SettlePoint(
        account=account,
        age_hours=float(age_hours),
        operations=int(operations),
        outcomes=outcomes,
        delivered=delivered,
        engaged=engaged,
    )


def _times(rows: Rows) -> list[CompletionTime]:
    """One for each account and size, in the order of the rows; each row has one percentile."""
    times = []
    for (account, size, order), group in groupby(rows, key=lambda row: tuple(row[:3])):
        percentiles = list(group)
        times.append(
            CompletionTime(
                account=account,
                size=size,
                size_order=int(order),
                operations=int(percentiles[0][4]),
                percentiles={int(row[3]): (float(row[5]), float(row[6])) for row in percentiles},
                limited=frozenset(int(row[3]) for row in percentiles if row[7]),
            )
        )
    return times


def _by_account(health: AccountHealth) -> str:
    return health.account


def _health(*row: Any) -> AccountHealth:
    account, synced_at, deadline, freeze, gaps, gap_hours, rejected, active, missing, *runs = row
    last_run_at, outcome, run_count, troubled = runs
    return AccountHealth(
        account=account,
        last_synced_at=None if synced_at is None else _instant(synced_at),
        hours_to_deadline=_number(deadline),
        hours_to_freeze=_number(freeze),
        gaps=int(gaps),
        gap_hours=float(gap_hours),
        rejected=int(rejected),
        active_by_id=int(active),
        not_found=int(missing),
        last_run_at=None if last_run_at is None else _instant(last_run_at),
        last_run_outcome=outcome,
        runs=int(run_count),
        troubled_runs=int(troubled),
    )


def _window(start: Any, end: Any, complete: Any, read_at: Any) -> ReadWindow:
    return ReadWindow(
        start=_instant(start),
        end=_instant(end),
        is_complete=bool(complete),
        read_at=None if read_at is None else _instant(read_at),
    )


def _gap(account: Any, start: Any, end: Any, found_at: Any) -> Gap:
    return Gap(
        account=account, start=_instant(start), end=_instant(end), found_at=_instant(found_at)
    )


def _pair(low: Any, high: Any) -> tuple[float, float] | None:
    return None if low is None or high is None else (float(low), float(high))


def _whole_pair(pair: tuple[float, float] | None) -> tuple[int, int] | None:
    return None if pair is None else (int(pair[0]), int(pair[1]))


def _share(pair: tuple[float, float] | None) -> Share | None:
    return None if pair is None else Share(*pair)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _instant(value: Any) -> datetime:
    return parse_instant(value)


def _day(value: Any) -> date:
    """A date; destinations return it as a date, a midnight or text."""
    if isinstance(value, str):
        return date.fromisoformat(value[:10])
    day: date = value.date() if isinstance(value, datetime) else value
    return day
