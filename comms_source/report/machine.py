"""A report for machines: the same figures, with nothing rounded. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from comms_source.report.calendar import HOUR_DAYS
from comms_source.report.concerns import concerns_of
from comms_source.report.facts import ChannelFacts, Facts, Made
from comms_source.report.figures import dated_days, day_of, week_of, young_days
from comms_source.report.funnel import funnel_of
from comms_source.report.health import health_of
from comms_source.report.heat import heat_of
from comms_source.report.leaders import of_largest
from comms_source.report.strip import strip_of
from comms_source.report.sums import Sums


def as_dict(facts: Facts) -> dict[str, Any]:
    """The report; times in ISO 8601 and UTC, what is not known as null.

    A share is an object with `low` and `high`: at least, at most.
    """
    made = facts.made
    told: dict[str, Any] = msgspec.to_builtins(
        {
            "made_at": made.at,
            "time_zone": made.time_zone,
            "today": made.today,
            "destination": made.destination,
            "dataset": made.dataset,
            "account": made.account,
            "version": made.version,
            "wrong": concerns_of(facts),
            "channels": {each.channel: _channel(each, made) for each in facts.channels},
            "stuck": facts.stuck,
        }
    )
    return told


def _channel(facts: ChannelFacts, made: Made) -> dict[str, Any]:
    week = week_of(facts, made)
    return {
        "operations": facts.stored,
        "today": _day(facts, 0),
        "yesterday": _day(facts, 1),
        "week": {
            "first_day": week.first,
            "last_day": week.last,
            "all": _sums(week.all),
            "settled": _sums(week.settled),
            "all_before": _sums(week.all_before),
            "settled_before": _sums(week.settled_before),
        },
        "funnel": funnel_of(facts.channel, week.shown),
        "days": [
            {"day": day, "may_move": bool(sums.moving.operations), **_sums(sums.all)}
            for day, sums in dated_days(facts, made)
        ],
        "may_move": young_days(facts, made),
        f"hours_of_{HOUR_DAYS}_days": heat_of(facts.hours).cells,
        "worst": facts.worst,
        "stuck": facts.stuck,
        "contradictions": facts.contradictions,
        "accounts": facts.accounts,
        "settle_curve": of_largest(facts.curve),
        "completion_seconds": of_largest(facts.times),
        "record": _record(facts, made),
    }


def _day(facts: ChannelFacts, days_ago: int) -> dict[str, Any]:
    day = day_of(facts, days_ago)
    return {"may_move": bool(day.moving.operations), **_sums(day.all)}


def _sums(sums: Sums) -> dict[str, Any]:
    return {
        "operations": sums.operations,
        "resources": sums.resources,
        "in_flight": sums.in_flight,
        "in_flight_known_operations": sums.in_flight_known,
        "delivery_rate": sums.delivery,
        "engagement_rate": sums.engagement,
        "acceptance_rate": sums.acceptance,
        "unaddressable_rate": sums.unaddressable_share,
    }


def _record(facts: ChannelFacts, made: Made) -> dict[str, Any]:
    return {
        "health": health_of(facts.health, now=made.at),
        "days": {each.day.isoformat(): each.state for each in strip_of(facts, made)},
        "gaps": facts.gaps,
    }
