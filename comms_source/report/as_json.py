"""A report as JSON: the same figures, not rounded. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec

from comms_source.report.data.days import HOUR_DAYS
from comms_source.report.data.facts import (
    ChannelDetails,
    ChannelFacts,
    Day,
    Facts,
    ReportContext,
)
from comms_source.report.data.sums import Sums
from comms_source.report.findings import periods
from comms_source.report.findings.coverage_strip import strip_of
from comms_source.report.findings.details import reasons_of
from comms_source.report.findings.funnel import funnel_of
from comms_source.report.findings.health import health_of
from comms_source.report.findings.hours import heat_of
from comms_source.report.findings.largest_account import largest_account_rows
from comms_source.report.findings.problems import concerns_of
from comms_source.report.wording import ENGAGED

MEASURES = (
    *("requested", "delivery_rate", "without_outcome_rate", "undelivered_rate", "failed_rate"),
    *("engagement_rate", "acceptance_rate", "unaddressable_rate"),
)
"""The measures of the view `delivery_trend`."""


def as_dict(facts: Facts) -> dict[str, Any]:
    """The report as a dict; times in ISO 8601 and UTC, unknown values as null.

    A rate is an object with `low` and `high`, the ends of its interval.
    """
    context = facts.context
    content: dict[str, Any] = msgspec.to_builtins(
        {
            "made_at": context.at,
            "time_zone": context.time_zone,
            "today": context.today,
            "destination": context.destination,
            "dataset": context.dataset,
            "account": context.account,
            "version": context.version,
            "settings_not_in_views": list(context.differing),
            "concerns": concerns_of(facts),
            "channels": {each.channel: _channel(each, context) for each in facts.channels},
            "stuck": facts.stuck,
        }
    )
    return content


def _channel(facts: ChannelFacts, context: ReportContext) -> dict[str, Any]:
    week = periods.week_of(facts, context)
    return {
        "operations": facts.stored,
        "today": _day(periods.day_of(facts, context, 0)),
        "yesterday": _day(periods.day_of(facts, context, 1)),
        "week": {
            "first_day": week.first,
            "last_day": week.last,
            "covered_share": week.covered_share,
            "moving_share": week.moving_share,
            "frozen_share": week.frozen_share,
            **_sums(week.sums),
        },
        "changes": {name: periods.change_of(facts.trends, name) for name in MEASURES},
        "funnel": funnel_of(week.sums, engaged=ENGAGED.get(facts.channel)),
        "days": [{"day": name, **_day(day)} for name, day in periods.dated_days(facts, context)],
        "moving_days": periods.moving_days(facts, context),
        "frozen_days": periods.frozen_days(facts, context),
        f"hours_of_{HOUR_DAYS}_days": heat_of(facts.hours).cells,
        "worst": facts.worst,
        "stuck": facts.stuck,
        "counter_problems": facts.problems,
        "accounts": [{"account": name, **_sums(sums)} for name, sums in facts.accounts.items()],
        "settle_curve": largest_account_rows(facts.curve),
        "completion_seconds": largest_account_rows(facts.times),
        "coverage": {
            "health": health_of(facts, context),
            "days": {each.day.isoformat(): each.state for each in strip_of(facts, context)},
            "gaps": facts.gaps,
        },
        **(_details(facts.details) if facts.details else {}),
    }


def _details(details: ChannelDetails) -> dict[str, Any]:
    """What is there only if details are read into the dataset."""
    return {
        "why_failed": {
            "asked": details.asked,
            "not_asked": details.not_asked,
            "codes": reasons_of(details),
        },
        "by_tag": {
            "operations_without_details": details.without_details,
            "tags": [
                {
                    "tag": each.tag,
                    "value": each.value,
                    "partial_operations": each.partial_operations,
                    "resources": each.resources,
                    "resources_attempted": each.resources_attempted,
                    "resources_delivered": each.resources_delivered,
                    "resources_not_delivered": each.resources_not_delivered,
                    **_sums(each.sums),
                }
                for each in details.tags
            ],
        },
    }


def _day(day: Day) -> dict[str, Any]:
    finality = {name: part.operations for name, part in day.by_finality.items()}
    return {"covered_share": day.covered_share, "finality": finality, **_sums(day.sums)}


def _sums(sums: Sums) -> dict[str, Any]:
    return {
        **asdict(sums),
        "delivery_rate": sums.delivery,
        "delivery_rate_of_known": sums.delivery_of_known,
        "not_delivered_rate": sums.not_delivered_share,
        "without_outcome_rate": sums.without_outcome,
        "unconfirmed_rate": sums.unconfirmed_share,
        "engagement_rate": sums.engagement,
        "acceptance_rate": sums.acceptance,
        "unaddressable_rate": sums.unaddressable_share,
    }
