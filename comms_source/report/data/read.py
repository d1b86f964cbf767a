"""Read the data of a report; the only module that queries the destination."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any, Final
from zoneinfo import ZoneInfo

import dlt
from dlt.destinations.exceptions import DatabaseException

from comms_source.channels import CHANNELS
from comms_source.config.settings import check_channels
from comms_source.destinations.dlt_errors import retry_while_locked
from comms_source.destinations.pipeline import dataset_exists, describe_destination
from comms_source.errors import LoadFailed
from comms_source.report.data import queries
from comms_source.report.data.days import DAYS, HOUR_DAYS, STRIP_DAYS, start_of
from comms_source.report.data.facts import Facts, ReportContext
from comms_source.report.data.parse import QueryRows, facts_of
from comms_source.views.create import view_client
from comms_source.views.settings import ViewSettings

MAX_WORST: Final = 10
"""Operations per channel and ranking."""
MAX_STUCK: Final = 20
"""Stuck operations, over all channels."""
MAX_GAPS: Final = 1000
"""Gaps of the last weeks, over all channels."""

_NAME: Final = re.compile(r"{([a-z_]+)}")


def read_facts(
    pipeline: dlt.Pipeline,
    *,
    settings: ViewSettings,
    now: datetime,
    channels: Sequence[str] = (),
    account: str | None = None,
) -> Facts:
    """Read the data of a report at `now`.

    Args:
        pipeline: The pipeline to read from.
        settings: The settings of the configuration; the report uses the settings that the views
            were created with, and shows where they differ.
        now: The current time, in UTC.
        channels: The channels to report on; by default all.
        account: The account to report on; by default all.

    Raises:
        ConfigurationError: if there is no such channel.
        RunStopped: if there are no tables yet, or the destination cannot be queried.
    """
    chosen = tuple(channels) or tuple(CHANNELS)
    check_channels(chosen)
    if not retry_while_locked(dataset_exists)(pipeline):
        raise LoadFailed(
            f"{describe_destination(pipeline)} has no tables in {pipeline.dataset_name} yet; "
            "run comms load first, it creates the views too"
        )

    def read() -> tuple[ReportContext, QueryRows]:
        with view_client(pipeline, settings=settings) as client:
            reader = _Reader(client, account=account, channels=chosen)
            context = _context(
                pipeline, reader.settings(), configured=settings, now=now, account=account
            )
            return context, reader.read(context)

    context, rows = retry_while_locked(read)()
    return facts_of(rows, context=context, channels=chosen, named=bool(channels))


def _context(
    pipeline: dlt.Pipeline,
    settings: ViewSettings,
    *,
    configured: ViewSettings,
    now: datetime,
    account: str | None,
) -> ReportContext:
    return ReportContext(
        at=now,
        settings=settings,
        today=now.astimezone(ZoneInfo(settings.time_zone)).date(),
        destination=describe_destination(pipeline),
        dataset=pipeline.dataset_name,
        account=account,
        version=version("comms-source"),
        differing=settings.differing(configured),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Runs all queries on one connection, so that they see one state of a DuckDB file."""

    client: Any
    account: str | None
    channels: Sequence[str]

    def settings(self) -> ViewSettings:
        """The settings that the views were created with."""
        return ViewSettings.from_texts(dict(self._ask(queries.SETTINGS)))

    def read(self, context: ReportContext) -> QueryRows:
        def start(days_ago: int) -> datetime:
            return start_of(context.today - timedelta(days=days_ago), zone=context.time_zone)

        first = context.today - timedelta(days=DAYS)
        lately = context.at - timedelta(days=context.settings.alert_days)
        strip, days = start(STRIP_DAYS - 1), start(DAYS)
        columns = ", ".join(queries.SUMMED)
        hours_from = context.today - timedelta(days=HOUR_DAYS)
        return QueryRows(
            stored=self._ask(queries.STORED),
            days=self._ask(queries.DAYS, first, columns=columns),
            finality=self._ask(queries.DAY_FINALITY, first),
            older=self._ask(queries.OLDER, first),
            trend=self._ask(queries.TREND),
            hours=self._ask(queries.HOURS, hours_from, context.today),
            worst=self._ask(queries.WORST, most=MAX_WORST),
            stuck=self._ask(queries.STUCK, most=MAX_STUCK),
            problems=self._ask(queries.PROBLEMS, days),
            rejected=self._ask(queries.REJECTED, lately),
            curve=self._ask(queries.SETTLE_CURVE),
            times=self._ask(queries.COMPLETION_TIMES),
            health=self._ask(queries.HEALTH),
            windows=self._ask(queries.COVERAGE, min(strip, days)),
            gaps=self._ask(queries.GAPS, min(strip, days), lately, most=MAX_GAPS),
        )

    def _ask(self, query: str, *values: Any, **named: Any) -> list[Any]:
        """The rows of a query; `values` follow those of `{where}`."""
        where, chosen = self._where()
        chosen = chosen if "{where}" in query else []
        with _query_errors():
            text = _NAME.sub(lambda match: str(self._named(match[1], where, named)), query)
            return list(self.client.execute_sql(text, *chosen, *values) or [])

    def _named(self, name: str, where: str, named: dict[str, Any]) -> Any:
        given = named | {"where": where}
        return given[name] if name in given else self.client.make_qualified_table_name(name)

    def _where(self) -> tuple[str, list[Any]]:
        marks = ", ".join(["%s"] * len(self.channels))
        if self.account is None:
            return f"where channel in ({marks})", [*self.channels]
        return f"where channel in ({marks}) and account = %s", [*self.channels, self.account]


@contextmanager
def _query_errors() -> Iterator[None]:
    """Explain what to do if the views are missing or from another version.

    Raises:
        LoadFailed: if the destination refuses a query.
    """
    try:
        yield
    except DatabaseException as error:
        first = str(error).strip().splitlines()[0]
        raise LoadFailed(
            f"the views cannot be read ({first}); run comms load, which creates missing tables and "
            "views again"
        ) from error
