"""The expected rows of the views by day, week, month, hour and label, in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from tests.views.coverage_oracle import Covered
from tests.views.rate_oracle import rates
from tests.views.sums import grouped, interval, sum_column
from tests.views.view_oracle import ACTIVE, CHANNEL_ORDER, DAY, HOUR, Oracle
from tests.views.view_tables import Record

SUMMED: Final = (
    *("requested", "recipients", "attempts", "unaddressable", "scheduled", "queued"),
    *("api_sent", "api_delivered", "read", "opened", "engaged"),
    *("undelivered", "failed", "canceled", "delivered_low", "delivered_high"),
    *("not_delivered", "attempted", "in_flight_low", "in_flight_high"),
    *("unconfirmed_low", "unconfirmed_high", "accepted", "offered"),
)


def daily_delivery(oracle: Oracle) -> list[Record]:
    """The rows of the view with the same name, as for all of these functions."""
    return _by_period(oracle, "day", first=lambda day: day, after=lambda day: day + DAY)


def weekly_delivery(oracle: Oracle) -> list[Record]:
    """Weeks begin on Monday."""
    return _by_period(
        oracle,
        "week",
        first=lambda day: day - day.weekday() * DAY,
        after=lambda monday: monday + 7 * DAY,
    )


def monthly_delivery(oracle: Oracle) -> list[Record]:
    """Months of the calendar."""
    return _by_period(
        oracle,
        "month",
        first=lambda day: day.replace(day=1),
        after=lambda day: (day + 31 * DAY).replace(day=1),
    )


def _by_period(
    oracle: Oracle, name: str, *, first: Callable[[date], date], after: Callable[[date], date]
) -> list[Record]:
    """One row per period, by its first day; `after` returns the first day of the next one."""
    rows = [row | {name: first(oracle.day(row))} for row in oracle.operations]
    covered = Covered(oracle)
    return [
        {
            name: period,
            **_pair(account, channel),
            **aggregate(group),
            "covered_share": covered.share_of_local(
                (account, channel), _midnight(period), _midnight(after(period))
            ),
        }
        for (period, account, channel), group in grouped(rows, name, "account", "channel").items()
    ]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _pair(account: str, channel: str) -> Record:
    return {"account": account, "channel": channel, "channel_order": CHANNEL_ORDER[channel]}


def aggregate(rows: Sequence[Record]) -> Record:
    """The sums over operations with all their status counters, and the rates of these sums."""
    sums = {name: sum_column(counted(rows), name) for name in SUMMED}
    for name in ("delivered", "in_flight", "unconfirmed"):
        sums |= interval(name, sums[f"{name}_low"], sums[f"{name}_high"])
    return {**_numbers(rows), **sums, **rates(sums), **_finality(rows)}


def counted(rows: Sequence[Record]) -> list[Record]:
    """The rows with all their status counters."""
    return [row for row in rows if row["is_counted"]]


def _numbers(rows: Sequence[Record]) -> Record:
    status = [row["status"] for row in rows]
    return {
        "operations": len(rows),
        "counted_operations": sum(row["is_counted"] for row in rows),
        "active_operations": sum(status.count(active) for active in ACTIVE),
        "completed_operations": status.count("COMPLETED"),
        "canceled_operations": status.count("CANCELED"),
    }


def _finality(rows: Sequence[Record]) -> Record:
    lowest = min(rows, key=lambda row: int(row["finality_order"]))
    return {
        "finality": lowest["finality"],
        "finality_order": lowest["finality_order"],
        "frozen_operations": sum(row["finality"] == "frozen" for row in rows),
    }


def delivery_by_label(oracle: Oracle) -> list[Record]:
    """An operation counts once for each of its labels."""
    labels = grouped(oracle.world.labels, "account", "operation_id")
    rows = [
        row | {"label": label["label"], "value": label["value"]}
        for row in oracle.operations
        for label in labels.get((row["account"], row["id"]), [])
    ]
    groups = grouped(rows, "label", "value", "account", "channel")
    return [
        {
            "label": label,
            "value": value,
            **_pair(account, channel),
            **aggregate(group),
            "first_created_at": min(row["created_at"] for row in group),
            "last_created_at": max(row["created_at"] for row in group),
        }
        for (label, value, account, channel), group in groups.items()
    ]


def hourly_volume(oracle: Oracle) -> list[Record]:
    """Hours of local time."""
    rows = [row | {"hour": _hour(oracle.local(row["created_at"]))} for row in oracle.operations]
    covered = Covered(oracle)
    return [
        {
            "hour": hour,
            "day": hour.date(),
            "hour_of_day": hour.hour,
            **_pair(account, channel),
            "operations": len(group),
            "requested": sum_column(group, "requested"),
            "recipients": sum_column(group, "recipients"),
            "covered_share": _covered_hour(oracle, covered, (account, channel), hour),
        }
        for (hour, account, channel), group in grouped(rows, "hour", "account", "channel").items()
    ]


def _hour(local: datetime) -> datetime:
    return local.replace(minute=0, second=0, microsecond=0)


def _covered_hour(
    oracle: Oracle, covered: Covered, pair: tuple[str, str], hour: datetime
) -> float | None:
    start = oracle.last_instant(hour)
    share = covered.share(pair, start, start + HOUR)
    return None if share is None else float(share)


def daily_finality(oracle: Oracle) -> list[Record]:
    """Each day by the finality of its operations."""
    rows = [row | {"day": oracle.day(row)} for row in oracle.operations]
    groups = grouped(rows, "account", "channel", "day", "finality", "finality_order")
    return [
        {
            **_pair(account, channel),
            "day": day,
            "finality": finality,
            "finality_order": order,
            "operations": len(group),
            "requested": sum_column(counted(group), "requested"),
            **_interval_of_sums("in_flight", group),
            **_interval_of_sums("unconfirmed", group),
            "hours_left": max(_hours_left(oracle, group)),
        }
        for (account, channel, day, finality, order), group in groups.items()
    ]


def _interval_of_sums(name: str, rows: Sequence[Record]) -> Record:
    return interval(name, sum_column(rows, f"{name}_low"), sum_column(rows, f"{name}_high"))


def _hours_left(oracle: Oracle, rows: Sequence[Record]) -> list[Any]:
    """Until each operation is past retention."""
    left: list[timedelta] = [row["created_at"] - oracle.retained_from for row in rows]
    return [max(timedelta(0), each) / HOUR for each in left]
