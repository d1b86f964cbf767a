"""A report as one HTML page. Pure.

The template escapes all of its values. Only this project's style sheet and the charts, which
`charts.drawing` builds from an allowlist of elements, are inserted as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from importlib.resources import files
from inspect import getmembers, isfunction
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from comms_source.report import wording
from comms_source.report.data.days import DAYS, HOUR_DAYS, WEEK
from comms_source.report.data.facts import ChannelFacts, CompletionTime, Facts, ReportContext
from comms_source.report.data.queries import LIMITS
from comms_source.report.data.sums import Share
from comms_source.report.findings.coverage_strip import State
from comms_source.report.findings.details import figures_of, name_of
from comms_source.report.findings.periods import MovingDay, change_text
from comms_source.report.findings.problems import MIN_DAYS, STUCK, comparable, concerns_of
from comms_source.report.html.channels import channel_page
from comms_source.report.html.charts.delivery import FILLS, top_of
from comms_source.report.html.charts.drawing import svg
from comms_source.report.html.record import moving_rows

MARKS: Final = {
    "moves": ("◦", "may still change"),
    "partly": ("~", "partly covered"),
    "frozen": ("!", "frozen early"),
}
"""The mark beside a figure that needs care, and its meaning."""
LINES: Final = {"delivered": "●", "not delivered": "■", "engaged": "▲"}
"""The shapes of the points of each line, as in the charts."""
SHOWN: Final = {"accounts": 20, "gaps": 5, "worst": 5}
"""The maximum number of rows for each channel; of worst operations for each ranking."""
STATES: Final[dict[State, tuple[str, str]]] = {
    "complete": ("●", "read completely"),
    "partly": ("◐", "read, not complete yet"),
    "gap": ("✕", "lost in part or whole"),
    "unread": ("○", "not read"),
}
"""The sign of each state, which distinguishes it without colour, and its meaning."""


def page(facts: Facts) -> str:
    """The page; the same facts always give the same page."""
    environment = Environment(
        loader=PackageLoader("comms_source.report", "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_filters(facts.context.time_zone))
    template = environment.get_template("page.html.jinja")
    return template.render(**_figures(facts), **_words(facts.context))


def _figures(facts: Facts) -> dict[str, Any]:
    top = top_of(facts.channels)
    pages = [channel_page(channel, facts.context, top=top) for channel in facts.channels]
    days = [each.first_day for each in facts.channels if each.first_day]
    return {
        "context": facts.context,
        "stored": sum(channel.stored for channel in facts.channels),
        "several": facts.accounts > 1,
        "first_day": min(days, default=None),
        "moving_days": _moving_days(moving for page in pages for moving in page.moving),
        "hour_days": _hour_days(facts),
        "concerns": concerns_of(facts),
        "not_compared": [each.channel for each in facts.channels if not _is_compared(each, facts)],
        "channels": pages,
        "reasons_known": any(page.reasons for page in pages),
        "tags_known": any(page.tags for page in pages),
        "stuck": facts.stuck[: LIMITS["most_stuck"]],
        "stuck_total": facts.stuck_operations,
        "moving": moving_rows([page.moving for page in pages], facts.context),
    }


def _is_compared(channel: ChannelFacts, facts: Facts) -> bool:
    """Whether any rate of the last 24 hours could be compared with the days before."""
    return any(comparable(each, facts.context) for each in channel.trends if each.period == "day")


def _words(context: ReportContext) -> dict[str, Any]:
    """Texts that the template uses in several places."""
    day = timedelta(days=1)
    return {
        "css": files("comms_source.report").joinpath("html/page.css").read_text("utf-8"),
        "words": wording,
        "week_days": wording.days(context.today - WEEK * day, context.today - day),
        "days_shown": wording.days(context.today - DAYS * day, context.today),
        "fewest_days": MIN_DAYS,
        "lines": LINES,
        "fills": list(FILLS),
        "drawn": list(dict.fromkeys([*LINES, *FILLS])),
        "names": {"engaged": "read or opened"},
        "percentiles": (50, 90, 99),
        "shown": SHOWN,
        "reasons": STUCK,
        "marks": MARKS,
        "states": STATES,
    }


def _success_change(facts: ChannelFacts, account: str) -> str:
    """How much the success rate of an account has changed, in points."""
    measure = "delivery_rate" if facts.accounts[account].has_receipts else "acceptance_rate"
    return change_text(facts.trends, measure, account=account).removesuffix(" points")


def _took(each: CompletionTime, at: int) -> str:
    """A percentile as text that does not break between a number and its unit."""
    text = wording.took(each.percentiles.get(at), limited=at in each.limited)
    return re.sub(r"(?<=\d) (?=[a-z])", "\N{NO-BREAK SPACE}", text)


def _hour_days(facts: Facts) -> str:
    """The days in the heat map; fewer if the data is younger."""
    first = facts.context.today - timedelta(days=HOUR_DAYS)
    days = [hour.day for channel in facts.channels for hour in channel.hours]
    if not days or min(days) == first:
        return f"the last {HOUR_DAYS} days"
    return f"the days since {wording.day(min(days))}"


def _moving_days(moving: Iterable[MovingDay]) -> str:
    """The days that may still change, of any channel; empty if there are none."""
    days = {each.day for each in moving}
    named = [day for day in days if day is not None]
    some = [wording.ranges(named)] if named else []
    return wording.listed([*some, *(["older days"] if None in days else [])]) if days else ""


def _filters(zone: str) -> dict[str, Callable[..., Any]]:
    """The template's filters: the functions of `wording`, and others of this page."""
    return {
        **dict(getmembers(wording, isfunction)),
        "channels": lambda names: wording.listed([wording.TITLES[name] for name in names]),
        "rate": lambda rate: wording.percent(None if rate is None else Share(rate, rate)),
        "took": _took,
        "resources": lambda names: wording.listed([wording.RESOURCES[name] for name in names]),
        "success_change": _success_change,
        "figures": figures_of,
        "tag": name_of,
        "class": lambda name: name.replace(" ", "-"),
        "moment": lambda at: wording.moment(at, zone=zone),
        "brief_moment": lambda at: wording.brief_moment(at, zone=zone),
        "svg": svg,
    }
