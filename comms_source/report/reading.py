"""Reads what a report is made from; the only part of it that asks the destination."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import dlt
from dlt.destinations.exceptions import DatabaseException

from comms_source.channels import CHANNELS
from comms_source.errors import LoadFailed
from comms_source.packages import patient
from comms_source.report import queries
from comms_source.report.calendar import DAYS, HOUR_DAYS, STRIP_DAYS, day_bounds, start_of
from comms_source.report.facts import Facts, Made
from comms_source.report.rows import Answers, facts_of
from comms_source.settings import check_channels
from comms_source.version import VERSION
from comms_source.view_settings import ViewSettings
from comms_source.views import viewing
from comms_source.warehouse import place, reach

MOST_WORST: Final = 10
"""Operations a channel, of those that lost most."""
MOST_STUCK: Final = 20
"""Operations that are stuck, of all channels together."""
MOST_GAPS: Final = 1000
"""Gaps, of all channels together, that are looked at for the last weeks."""

_NAME: Final = re.compile(r"{([a-z_]+)}")


def read_facts(
    pipeline: dlt.Pipeline,
    *,
    settings: ViewSettings,
    now: datetime,
    channels: Sequence[str] = (),
    account: str | None = None,
) -> Facts:
    """Read what a report at `now` is made from.

    Args:
        pipeline: Where to read.
        settings: What the views were told when they were made.
        now: The present, in UTC.
        channels: The channels to report on; by default all.
        account: The account to report on; by default all.

    Raises:
        ConfigurationError: if there is no such channel.
        RunStopped: if there are no tables yet, or the destination cannot be asked.
    """
    chosen = tuple(channels) or tuple(CHANNELS)
    check_channels(chosen)
    if not patient(reach)(pipeline):
        raise LoadFailed(
            f"{place(pipeline)} has no tables in {pipeline.dataset_name} yet; "
            "run comms load first, it makes the views too"
        )
    made = _made(pipeline, settings=settings, now=now, account=account)

    def read() -> Answers:
        with viewing(pipeline, settings=settings) as client:
            return _Reader(client, made=made, channels=chosen).read()

    return facts_of(patient(read)(), made=made, channels=chosen, told=bool(channels))


def _made(
    pipeline: dlt.Pipeline, *, settings: ViewSettings, now: datetime, account: str | None
) -> Made:
    return Made(
        at=now,
        time_zone=settings.time_zone,
        today=now.astimezone(ZoneInfo(settings.time_zone)).date(),
        destination=place(pipeline),
        dataset=pipeline.dataset_name,
        account=account,
        retention=settings.retention,
        version=VERSION,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Asks all queries through one connection, so that they see one state of a DuckDB file."""

    client: Any
    made: Made
    channels: Sequence[str]

    def read(self) -> Answers:
        strip, days = self._start(STRIP_DAYS - 1), self._start(DAYS)
        stored = self._ask(queries.STORED)
        several = len({account for row in stored for account in row[1:3]}) > 1
        return Answers(
            stored=stored,
            days=self._days(),
            older=self._ask(queries.OLDER, days, self.made.at - self.made.retention),
            hours=self._ask(queries.HOURS, self._day(HOUR_DAYS), self.made.today),
            worst=self._ask(queries.WORST, most=MOST_WORST),
            stuck=self._ask(queries.STUCK, most=MOST_STUCK),
            contradictions=self._ask(queries.CONTRADICTIONS, days),
            curve=self._ask(queries.SETTLE_CURVE),
            times=self._ask(queries.COMPLETION_TIMES),
            trend=self._ask(queries.TREND) if several else [],
            health=self._ask(queries.HEALTH),
            windows=self._ask(queries.COVERAGE, strip),
            gaps=self._ask(queries.GAPS, min(strip, days), most=MOST_GAPS),
        )

    def _days(self) -> list[Any]:
        bounds = day_bounds(self.made.today, zone=self.made.time_zone)
        days_ago = " ".join(f"when created_at >= %s then {ago}" for ago in range(len(bounds)))
        sums = ", ".join(queries.SUMS.values())
        named = {"sums": sums, "days_ago": f"case {days_ago} end"}
        return self._ask(queries.DAYS, bounds[-1], before=bounds, **named)

    def _day(self, days_ago: int) -> date:
        return self.made.today - timedelta(days=days_ago)

    def _start(self, days_ago: int) -> datetime:
        return start_of(self._day(days_ago), zone=self.made.time_zone)

    def _ask(self, query: str, *after: Any, before: Sequence[Any] = (), **named: Any) -> list[Any]:
        """The rows of a query; `before` and `after` are its values on both sides of `{where}`."""
        where, chosen = self._where()
        with _telling():
            text = _NAME.sub(lambda match: str(self._named(match[1], where, named)), query)
            return list(self.client.execute_sql(text, *before, *chosen, *after) or [])

    def _named(self, name: str, where: str, named: dict[str, Any]) -> Any:
        given = named | {"where": where}
        return given[name] if name in given else self.client.make_qualified_table_name(name)

    def _where(self) -> tuple[str, list[Any]]:
        marks = ", ".join(["%s"] * len(self.channels))
        if self.made.account is None:
            return f"where channel in ({marks})", [*self.channels]
        return f"where channel in ({marks}) and account = %s", [*self.channels, self.made.account]


@contextmanager
def _telling() -> Iterator[None]:
    """Say what to do where the views are missing, or are those of another version.

    Raises:
        LoadFailed: if the destination refuses a query.
    """
    try:
        yield
    except DatabaseException as error:
        first = str(error).strip().splitlines()[0]
        raise LoadFailed(
            f"the views cannot be read ({first}); run comms load, which makes missing tables and "
            "views again"
        ) from error
