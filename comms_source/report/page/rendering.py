"""A report as one page of HTML. Pure.

The template escapes whatever it is given. Only this project's style sheet and the charts, which
`charts.drawing` has put together from a few known elements, go in as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from comms_source.report import wording
from comms_source.report.calendar import HOUR_DAYS, WEEK
from comms_source.report.concerns import STUCK, concerns_of
from comms_source.report.facts import Facts, Made
from comms_source.report.page.channels import ChannelPage, channel_page
from comms_source.report.page.record import young_rows
from comms_source.report.reading import MOST_STUCK, MOST_WORST
from comms_source.report.strip import State
from comms_source.report.sums import Share

if TYPE_CHECKING:
    from jinja2 import Environment

SIGNS: Final[dict[State, str]] = {"complete": "●", "partly": "◐", "gap": "✕", "unread": "○"}
"""So that no colour is needed to tell the states apart."""
STATES: Final[dict[State, str]] = {
    "complete": "read completely",
    "partly": "read, not complete yet",
    "gap": "lost in part or whole",
    "unread": "not read",
}


def page(facts: Facts) -> str:
    """The page; of the same facts it is always the same."""
    template = _environment(facts.made).get_template("page.html.jinja")
    return template.render(**_figures(facts), **_words(facts.made))


def _figures(facts: Facts) -> dict[str, Any]:
    pages = [channel_page(channel, facts.made) for channel in facts.channels]
    created = [each.first_created_at for each in facts.channels if each.first_created_at]
    return {
        "made": facts.made,
        "stored": sum(page.stored for page in pages),
        "several": facts.accounts > 1,
        "first_created_at": min(created, default=None),
        "moving_days": _moving(pages),
        "hour_days": _hour_days(facts),
        "open_readings": any(page.is_open for page in pages),
        "concerns": concerns_of(facts),
        "channels": pages,
        "stuck": facts.stuck[:MOST_STUCK],
        "stuck_total": sum(sum(channel.stuck.values()) for channel in facts.channels),
        "young": young_rows([page.young for page in pages], facts.made),
    }


def _words(made: Made) -> dict[str, Any]:
    """What the template says in the same words everywhere."""
    day = timedelta(days=1)
    return {
        "css": _style(),
        "week_days": wording.days(made.today - WEEK * day, made.today - day),
        "titles": wording.TITLES,
        "shorts": wording.SHORTS,
        "resources": wording.RESOURCES,
        "engaged": wording.ENGAGED,
        "not_known": wording.NOT_KNOWN,
        "dash": wording.DASH,
        "most_worst": MOST_WORST,
        "reasons": STUCK,
        "signs": SIGNS,
        "states": STATES,
    }


def _hour_days(facts: Facts) -> str:
    """The days whose hours are added up; fewer where nothing is as old."""
    first = facts.made.today - timedelta(days=HOUR_DAYS)
    days = [hour.day for channel in facts.channels for hour in channel.hours]
    if not days or min(days) == first:
        return f"the last {HOUR_DAYS} days"
    return f"the days since {wording.day(min(days))}"


def _moving(pages: Sequence[ChannelPage]) -> str:
    """The days that may still move, of any channel; empty if there is none."""
    days = {young.day for page in pages for young in page.young}
    named = [day for day in days if day is not None]
    some = [wording.ranges(named)] if named else []
    return wording.listed([*some, *(["days long past"] if None in days else [])]) if days else ""


def _environment(made: Made) -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - an extra

    environment = Environment(
        loader=PackageLoader("comms_source.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_filters(made.time_zone))
    return environment


def _filters(zone: str) -> dict[str, Callable[..., str]]:
    """How the template says numbers, times and shares."""
    return {
        "short": wording.short,
        "channels": lambda names: wording.listed([wording.TITLES[name] for name in names]),
        "count": wording.count,
        "percent": wording.percent,
        "change": lambda now, before: (wording.change(now, before) or "").removesuffix(" points"),
        "rate": lambda rate: wording.percent(None if rate is None else Share(rate, rate)),
        "seconds": wording.seconds,
        "took": wording.took,
        "day": wording.day,
        "moment": lambda at: wording.moment(at, zone=zone),
        "brief_moment": lambda at: wording.brief_moment(at, zone=zone),
    }


def _style() -> Any:
    from markupsafe import Markup  # noqa: PLC0415 - comes with jinja2, an extra

    text = files("comms_source.report").joinpath("page/page.css").read_text("utf-8")
    return Markup(text)  # noqa: S704 - this project's own
