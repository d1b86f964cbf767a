"""Helpers for tests: sessions that read a sandbox, and the rows after a load."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa

from comms_source.channels import CHANNELS
from comms_source.commands.load import run_load
from comms_source.commands.summary import RunSummary
from comms_source.config.credentials import BasicCredentials, OAuthCredentials
from comms_source.config.settings import Settings
from comms_source.destinations.pipeline import open_pipeline
from comms_source.extract.channel_run import ChannelRun
from comms_source.extract.parallel_scans import PageLimit
from comms_source.extract.session import Session
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, CLIENT_ID, CLIENT_SECRET, Sandbox
from comms_source.tables.operations import operations_table
from comms_source.timespans import SECOND, align_down, parse_instant

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
FILE = "twilio_comms.duckdb"


def load(sandbox: Sandbox, **changes: Any) -> RunSummary:
    """One run against a sandbox, into this folder's DuckDB file."""
    return run_load(session=session_for(sandbox, **changes), pipeline=open_pipeline())


def columns_of(channel: str) -> tuple[str, ...]:
    """The columns to compare: account, status, both times, every counter, extra."""
    counters = CHANNELS[channel].counters
    return ("account", "status", "created_at", "updated_at", *counters, "extra")


def read(session: Session, channel: str) -> dict[str, tuple[Any, ...]]:
    """The rows that one channel's first run reads, by id, without a warehouse."""
    run = ChannelRun(channel=CHANNELS[channel], session=session, on_error="raise")
    run.open({})
    own = operations_table(CHANNELS[channel])
    tables = [piece.rows for piece in run.scan(PageLimit()) if piece.spec is own]
    rows = pa.concat_tables(tables).select(["id", *columns_of(channel)]).to_pylist()
    return {row.pop("id"): tuple(row.values()) for row in rows}


def stored(channel: str) -> dict[str, tuple[Any, ...]]:
    """The rows of a channel's table, by id."""
    columns = columns_of(channel)
    with duckdb.connect(FILE, read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        table = f"comms.{CHANNELS[channel].table}"
        rows = connection.execute(f"select id, {', '.join(columns)} from {table}").fetchall()
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0]: row[1:] for row in rows}


def true(sandbox: Sandbox, channel: str) -> dict[str, tuple[Any, ...]]:
    """The same from the sandbox's data, without pages or windows."""
    return {
        row["id"]: (
            "default",
            row["status"],
            parse_instant(row["createdAt"]),
            parse_instant(row["updatedAt"]),
            *(row["stats"][counter] for counter in CHANNELS[channel].counters),
            None,
        )
        for row in sandbox.truth(channel)
    }


def last_second() -> datetime:
    """The last whole second that is over.

    A run that begins now reads all that was created until then, that second included. A sandbox
    whose clock shows the present second may have an operation that the next run reads.
    """
    return align_down(datetime.now(UTC), SECOND) - SECOND


def settings_for(sandbox: Sandbox, **changes: Any) -> Settings:
    """Settings for reading a sandbox."""
    credentials = BasicCredentials(ACCOUNT_ID, AUTH_TOKEN)
    return Settings(**{"credentials": credentials, "base_url": sandbox.url, **changes})


def oauth_for(sandbox: Sandbox, *, secret: str = CLIENT_SECRET) -> OAuthCredentials:
    """Credentials of the sandbox's OAuth app."""
    return OAuthCredentials(CLIENT_ID, secret, sandbox.token_url)


def statuses_of_token_requests(sandbox: Sandbox) -> list[int]:
    """The statuses with which a sandbox answered requests for access tokens, in their order."""
    return [entry.status for entry in list(sandbox.requests) if entry.endpoint == "token"]


def session_for(sandbox: Sandbox, **changes: Any) -> Session:
    """A session that reads a sandbox, with the sandbox's clock."""
    return Session(settings=settings_for(sandbox, **changes), clock=sandbox.clock.now)
