"""What the views over single operations and over days should say, in plain Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Final

from tests.views.sums import grouped, plus, quotient, ratio, share, sum_known
from tests.views.view_oracle import DAY, ENDED, HOUR, OPEN, PUSH, Oracle
from tests.views.view_tables import Record

WORST: Final = 100


def channel_readings(oracle: Oracle) -> list[Record]:
    """The rows of the view of that name, as all of these functions give."""
    return [
        {
            "account": account,
            "channel": channel,
            **{f"{own}_operations": votes[own] for own in ("exclusive", "cumulative")},
            "inconsistent_operations": votes["inconsistent"],
            "channel_reading": oracle.channel_reading(account, channel),
            "pinned_reading": oracle.told.stats_reading.get(channel),
        }
        for (account, channel), votes in oracle.own_readings.items()
    ]


def hourly_volume(oracle: Oracle) -> list[Record]:
    """Hours of the clock on the wall."""
    hours = {id(row): oracle.local(row["created_at"]) for row in oracle.operations}
    rows = [
        row | {"hour": hours[id(row)].replace(minute=0, second=0, microsecond=0)}
        for row in oracle.operations
    ]
    return [
        {
            "hour": hour,
            "day": hour.date(),
            "hour_of_day": hour.hour,
            "account": account,
            "channel": channel,
            "operations": len(group),
            "total": sum_known(row["total"] for row in group),
            "recipients": sum_known(row["recipients"] for row in group),
        }
        for (hour, account, channel), group in grouped(rows, "hour", "account", "channel").items()
    ]


def delivery_trend(oracle: Oracle) -> list[Record]:
    """Seven whole days against the seven before."""
    today = oracle.local(oracle.now).date()
    ages = {id(row): (today - oracle.day(row)).days for row in oracle.operations}
    rows = [row for row in oracle.operations if 1 <= ages[id(row)] <= 14]
    return [
        {
            "account": account,
            "channel": channel,
            "first_day": today - 7 * DAY,
            "last_day": today - DAY,
            **_weeks(
                [row for row in group if ages[id(row)] <= 7],
                [row for row in group if ages[id(row)] > 7],
            ),
        }
        for (account, channel), group in grouped(rows, "account", "channel").items()
    ]


def _weeks(last: Sequence[Record], previous: Sequence[Record]) -> Record:
    now, before = _week(last), _week(previous)
    changes = {
        f"{rate}_change": now[f"{rate}_low"] - before[f"{rate}_low"]
        if None not in (now[f"{rate}_low"], before[f"{rate}_low"])
        and all(week[f"{rate}_low"] == week[f"{rate}_high"] for week in (now, before))
        else None
        for rate in ("delivery_rate", "engagement_rate")
    }
    return now | {f"previous_{name}": value for name, value in before.items()} | changes


def _week(rows: Sequence[Record]) -> Record:
    settled = [row for row in rows if row["is_settled"]]
    return {
        "operations": len(rows),
        "settled_operations": len(settled),
        "total": sum_known(row["total"] for row in settled),
        "delivery_rate_low": share(ratio(settled, "reached_low", "reached_low", "missed")),
        "delivery_rate_high": share(ratio(settled, "reached_high", "reached_high", "missed")),
        "engagement_rate_low": share(ratio(settled, "engaged", "reached_high")),
        "engagement_rate_high": share(ratio(settled, "engaged", "reached_low")),
    }


def worst_operations(oracle: Oracle) -> list[Record]:
    """The hundred of each account and channel that lost most."""
    lossy = [
        row | {"lost": row["failed"] if row["channel"] == PUSH else row["missed"]}
        for row in oracle.operations
        if row["created_at"] >= oracle.now - 30 * DAY
    ]
    groups = grouped([row for row in lossy if (row["lost"] or 0) > 0], "account", "channel")
    return [
        row | {"loss_rank": rank, "loss_rate": _loss_rate(row)}
        for group in groups.values()
        for rank, row in enumerate(sorted(group, key=_badness)[:WORST], 1)
    ]


def _badness(row: Record) -> tuple[int, timedelta, str]:
    return -row["lost"], row["age_hours"] * HOUR, row["id"]


def _loss_rate(row: Record) -> float | None:
    if row["channel"] == PUSH:
        return quotient(ratio([row], "failed", "sent", "failed"))
    return quotient(ratio([row], "missed", "missed", "reached_low"))


def stuck_operations(oracle: Oracle) -> list[Record]:
    """Those that do not go on as they should, each with the first reason that applies."""
    rows = [row | {"reason": _stuck(row, oracle)} for row in oracle.operations]
    return [row for row in rows if row["reason"]]


def _stuck(row: Record, oracle: Oracle) -> str | None:
    if row["status"] in ENDED:
        waiting = plus(row["queued"], row["scheduled"]) or 0
        return "ended with some waiting" if waiting > 0 else None
    if row["status"] in OPEN and (row["account"], row["channel"], row["id"]) in oracle.lost:
        return "lost from sight"
    begun = oracle.begun.get((row["account"], row["channel"], row["id"]), row["created_at"])
    too_long = row["status"] == "PROCESSING" and begun < row["synced_at"] - HOUR
    return "processing too long" if too_long else None


def unaddressable_recipients(oracle: Oracle) -> list[Record]:
    """Days of the channels that have such recipients at all."""
    rows = [row | {"day": oracle.day(row)} for row in oracle.operations]
    known = [row for row in rows if row["channel"] != "emails"]
    return [
        {
            "day": day,
            "account": account,
            "channel": channel,
            "operations": len(group),
            "affected_operations": sum((row["unaddressable"] or 0) > 0 for row in group),
            "wasted_operations": sum(map(_wasted, group)),
            "recipients": sum_known(row["recipients"] for row in group),
            "unaddressable": sum_known(row["unaddressable"] for row in group),
            "unaddressable_rate": share(ratio(group, "unaddressable", "recipients")),
        }
        for (day, account, channel), group in grouped(known, "day", "account", "channel").items()
    ]


def _wasted(row: Record) -> bool:
    told = None not in (row["unaddressable"], row["recipients"])
    return told and 0 < row["recipients"] <= row["unaddressable"]


def unsettled_days(oracle: Oracle) -> list[Record]:
    """Days with an operation that may still change."""
    rows = [row | {"day": oracle.day(row)} for row in oracle.operations]
    days = grouped(rows, "day", "account", "channel")
    return [
        {"day": day, "account": account, "channel": channel, **_unsettled(group, oracle)}
        for (day, account, channel), group in days.items()
        if not all(row["is_settled"] for row in group)
    ]


def _unsettled(rows: Sequence[Record], oracle: Oracle) -> Record:
    moving = [row for row in rows if not row["is_settled"]]
    youngest = max(row["created_at"] for row in moving)
    return {
        "operations": len(rows),
        "unsettled_operations": len(moving),
        "unsettled_share": quotient(Fraction(len(moving), len(rows))),
        "open_operations": sum(row["status"] in OPEN for row in moving),
        "total": sum_known(row["total"] for row in rows),
        "unsettled_total": sum_known(row["total"] for row in moving),
        "in_flight": sum_known(row["in_flight"] for row in moving),
        "hours_left": max(0, (youngest - oracle.retained_from) / HOUR),
    }


def stats_checks(oracle: Oracle) -> list[Record]:
    """Operations that contradict themselves, each other or the reading of their channel."""
    rows = [
        row | {"contradiction": next(_contradictions(row, oracle), None)}
        for row in oracle.operations
    ]
    return [row for row in rows if row["contradiction"]]


def _contradictions(row: Record, oracle: Oracle) -> Iterator[str]:
    exclusive, cumulative = not row["rules_out_exclusive"], not row["rules_out_cumulative"]
    if row["is_odd"]:
        yield "a counter below 0 or above 10^12"
    if not exclusive and not cumulative:
        yield "neither reading fits"
    told = None not in (row["unaddressable"], row["recipients"])
    if told and row["unaddressable"] > row["recipients"]:
        yield "more unaddressable than recipients"
    if not exclusive and row["stats_reading"] == "exclusive":
        yield "not exclusive, as pinned"
    if not cumulative and row["stats_reading"] == "cumulative":
        yield "not cumulative, as pinned"
    votes = oracle.own_readings[row["account"], row["channel"]]
    pinned = row["channel"] in oracle.told.stats_reading
    if exclusive != cumulative and not pinned:
        own, other = ("exclusive", "cumulative")[:: 1 if exclusive else -1]
        if votes[other] >= votes[own]:  # half of them are not most of them
            yield "unlike most of the channel"
