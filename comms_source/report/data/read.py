"""Read the data of a report; the only module that queries the destination."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from importlib.metadata import version
from typing import Any, Final
from zoneinfo import ZoneInfo

import dlt
from dlt.destinations.exceptions import DatabaseException

from comms_source.channels import CHANNELS
from comms_source.config.accounts import Accounts
from comms_source.config.settings import check_channels
from comms_source.destinations.dlt_errors import retry_while_locked
from comms_source.destinations.pipeline import describe_destination, require_operations
from comms_source.errors import ConfigurationError, LoadFailed
from comms_source.report.data import queries
from comms_source.report.data.days import DAYS, HOUR_DAYS, start_of
from comms_source.report.data.facts import Facts, ReportContext
from comms_source.report.data.parse import Rows, facts_of
from comms_source.views.create import view_client
from comms_source.views.settings import ViewSettings

_NAME: Final = re.compile(r"{([a-z_]+)}")


def read_facts(
    pipeline: dlt.Pipeline,
    *,
    settings: ViewSettings,
    now: datetime,
    channels: Sequence[str] = (),
    account: str | None = None,
    configured: Accounts | None = None,
) -> Facts:
    """Read the data of a report at `now`.

    Args:
        pipeline: The pipeline to read from.
        settings: The settings of the configuration; the report uses the settings that the views
            were created with, and shows where they differ.
        now: The current time, in UTC.
        channels: The channels to report on; by default all.
        account: The account to report on; by default all.
        configured: The accounts of the configuration. There may be nothing to report of them yet;
            what it does not load any more is no reason for an alert. By default not known.

    Raises:
        ConfigurationError: if there is no such channel or account.
        RunStopped: if there are no tables yet, or the destination cannot be queried.
    """
    chosen = tuple(channels) or tuple(CHANNELS)
    check_channels(chosen)
    retry_while_locked(require_operations)(pipeline)

    def read() -> tuple[ReportContext, dict[str, Rows]]:
        # One connection for all queries, so that they see one state of a DuckDB file.
        with view_client(pipeline, settings=settings) as client:
            texts = dict(ask(client, queries.SETTINGS))
            used = ViewSettings.from_texts(texts)
            context = ReportContext(
                at=now,
                settings=used,
                today=now.astimezone(ZoneInfo(used.time_zone)).date(),
                destination=describe_destination(pipeline),
                dataset=pipeline.dataset_name,
                account=account,
                version=version("comms-source"),
                differing=used.differing(settings),
                configured=configured,
            )
            asked = queries.DETAIL_QUERIES if texts.get("details") == "true" else {}
            rows = _rows(client, context, channels=chosen, asked=queries.QUERIES | asked)
            own = [each.name for each in configured.selected] if configured else []
            if account is not None and account not in own and not rows["stored"]:
                _check_account(account, ask(client, queries.ACCOUNTS))
            return context, rows

    context, rows = retry_while_locked(read)()
    return facts_of(rows, context=context, channels=chosen, named=bool(channels))


def _rows(
    client: Any, context: ReportContext, *, channels: Sequence[str], asked: Mapping[str, str]
) -> dict[str, Rows]:
    """The rows of each query that is asked."""
    today, account = context.today, context.account
    where = f"where channel in ({', '.join(['%s'] * len(channels))})"
    where += " and account = %s" if account is not None else ""
    chosen = [*channels, *([account] if account is not None else [])]
    first = today - timedelta(days=DAYS)
    start = start_of(first, zone=context.time_zone)
    lately = context.at - timedelta(days=context.settings.alert_days)
    values: dict[str, Sequence[date]] = {
        "days": [first],
        "finality": [first],
        "older": [first],
        "hours": [today - timedelta(days=HOUR_DAYS), today],
        "problems": [start],
        "rejected": [lately],
        "windows": [start],
        "gaps": [start, lately],
    }
    sums = ", ".join(f"sum({name}) as {name}" for name in queries.SUMMED)
    columns = {"columns": ", ".join(queries.SUMMED), "column_sums": sums}
    texts = {"where": where, **columns, **queries.LIMITS}
    return {
        name: ask(client, query, *chosen, *values.get(name, ()), **texts)
        for name, query in asked.items()
    }


def _check_account(account: str, rows: Rows) -> None:
    known = [name for (name,) in rows]
    if account not in known:
        raise ConfigurationError(
            f"account: nothing of {account!r} was ever loaded; the accounts are "
            f"{', '.join(known) or 'none yet'}"
        )


def ask(client: Any, query: str, *values: Any, **texts: object) -> list[Any]:
    """The rows of a query.

    Args:
        client: dlt's SQL client of the destination, connected.
        query: The query, with `{name}` where a table, a view or one of the texts belongs, and `%s`
            where a value does.
        values: The values.
        texts: The texts.

    Raises:
        LoadFailed: if the destination refuses the query, as if the views are missing or from
            another version.
    """
    tables = set(_NAME.findall(query)) - texts.keys()
    names = texts | {name: client.make_qualified_table_name(name) for name in tables}
    try:
        return list(client.execute_sql(query.format(**names), *values) or [])
    except DatabaseException as error:
        first = str(error).strip().splitlines()[0]
        raise LoadFailed(
            f"the views cannot be read ({first}); run comms load, which creates missing tables and "
            "views again"
        ) from error
