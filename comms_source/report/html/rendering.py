"""A report as one HTML page. Pure.

The template escapes all of its values. Only this project's style sheet and the charts, which
`charts.drawing` builds from an allowlist of elements, are inserted as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from comms_source.report import wording
from comms_source.report.data.days import DAYS, HOUR_DAYS, WEEK
from comms_source.report.data.facts import ChannelFacts, Facts, ReportContext
from comms_source.report.data.read import MAX_STUCK
from comms_source.report.data.sums import Share
from comms_source.report.findings.coverage_strip import State
from comms_source.report.findings.problems import MIN_DAYS, STUCK, comparable, concerns_of
from comms_source.report.html.channels import MAX_WORST, ChannelPage, channel_page
from comms_source.report.html.charts.delivery import FILLS, top_of
from comms_source.report.html.record import moving_rows

if TYPE_CHECKING:
    from jinja2 import Environment

SIGNS: Final[dict[State, str]] = {"complete": "●", "partly": "◐", "gap": "✕", "unread": "○"}
"""Signs that distinguish the states without colour."""
MARKS: Final = {
    "moves": ("◦", "may still change"),
    "partly": ("~", "partly covered"),
    "frozen": ("!", "frozen early"),
}
"""The mark beside a figure that needs care, and its meaning."""
LINES: Final = {"delivered": "●", "not delivered": "■", "engaged": "▲"}
"""The shapes of the points of each line, as in the charts."""
STATES: Final[dict[State, str]] = {
    "complete": "read completely",
    "partly": "read, not complete yet",
    "gap": "lost in part or whole",
    "unread": "not read",
}


def page(facts: Facts) -> str:
    """The page; the same facts always give the same page."""
    template = _environment(facts.context).get_template("page.html.jinja")
    return template.render(**_figures(facts), **_words(facts.context))


def _figures(facts: Facts) -> dict[str, Any]:
    top = top_of(facts.channels)
    pages = [channel_page(channel, facts.context, top=top) for channel in facts.channels]
    days = [each.first_day for each in facts.channels if each.first_day]
    return {
        "context": facts.context,
        "stored": sum(page.stored for page in pages),
        "several": facts.accounts > 1,
        "first_day": min(days, default=None),
        "moving_days": _moving_days(pages),
        "hour_days": _hour_days(facts),
        "is_open": any(page.is_open for page in pages),
        "compared": any(page.headline.compared for page in pages),
        "concerns": concerns_of(facts),
        "not_compared": [each.channel for each in facts.channels if not _is_compared(each, facts)],
        "fewest_days": MIN_DAYS,
        "channels": pages,
        "stuck": facts.stuck[:MAX_STUCK],
        "stuck_total": sum(sum(channel.stuck.values()) for channel in facts.channels),
        "moving": moving_rows([page.moving for page in pages], facts.context),
    }


def _is_compared(channel: ChannelFacts, facts: Facts) -> bool:
    """Whether any rate of the last 24 hours could be compared with the days before."""
    rates = [each for each in channel.trends if each.period == "day"]
    return any(comparable(each, facts.context) for each in rates)


def _words(context: ReportContext) -> dict[str, Any]:
    """Texts that the template uses in several places."""
    day = timedelta(days=1)
    return {
        "css": _style(),
        "week_days": wording.days(context.today - WEEK * day, context.today - day),
        "titles": wording.TITLES,
        "shorts": wording.SHORTS,
        "settings": context.settings,
        "days_shown": wording.days(context.today - DAYS * day, context.today),
        "lines": LINES,
        "fills": list(FILLS),
        "drawn": list(dict.fromkeys([*LINES, *FILLS])),
        "names": {"engaged": "read or opened"},
        "percentiles": (50, 90, 99),
        "not_known": wording.NOT_KNOWN,
        "dash": wording.DASH,
        "most_worst": MAX_WORST,
        "reasons": STUCK,
        "signs": SIGNS,
        "marks": MARKS,
        "states": STATES,
    }


def _hour_days(facts: Facts) -> str:
    """The days in the heat map; fewer if the data is younger."""
    first = facts.context.today - timedelta(days=HOUR_DAYS)
    days = [hour.day for channel in facts.channels for hour in channel.hours]
    if not days or min(days) == first:
        return f"the last {HOUR_DAYS} days"
    return f"the days since {wording.day(min(days))}"


def _moving_days(pages: Sequence[ChannelPage]) -> str:
    """The days that may still change, of any channel; empty if there are none."""
    days = {moving.day for page in pages for moving in page.moving}
    named = [day for day in days if day is not None]
    some = [wording.ranges(named)] if named else []
    return wording.listed([*some, *(["older days"] if None in days else [])]) if days else ""


def _environment(context: ReportContext) -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - an extra

    environment = Environment(
        loader=PackageLoader("comms_source.report", "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_filters(context.time_zone))
    return environment


def _filters(zone: str) -> dict[str, Callable[..., str]]:
    """The template's filters for numbers, times and shares."""
    return {
        "short": wording.short,
        "channels": lambda names: wording.listed([wording.TITLES[name] for name in names]),
        "count": wording.count,
        "percent": wording.percent,
        "rate": lambda rate: wording.percent(None if rate is None else Share(rate, rate)),
        "seconds": wording.seconds,
        "took": lambda each, at: wording.took(each.percentiles.get(at), limited=at in each.limited),
        "day": wording.day,
        "upper_first": lambda text: text[:1].upper() + text[1:],
        "listed": wording.listed,
        "resources": lambda names: wording.listed([wording.RESOURCES[name] for name in names]),
        "class": lambda name: name.replace(" ", "-"),
        "moment": lambda at: wording.moment(at, zone=zone),
        "brief_moment": lambda at: wording.brief_moment(at, zone=zone),
    }


def _style() -> Any:
    from markupsafe import Markup  # noqa: PLC0415 - comes with jinja2, an extra

    text = files("comms_source.report").joinpath("html/page.css").read_text("utf-8")
    return Markup(text)  # noqa: S704 - this project's own
