"""`comms rejected`: the rows of the API that could not be read, and which of them are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import dlt
import msgspec

from comms_source.channels import CHANNELS
from comms_source.commands.run import source_of
from comms_source.commands.views import any_pipeline
from comms_source.config.accounts import account_names
from comms_source.config.settings import check_channels
from comms_source.destinations.commit import commit
from comms_source.destinations.crash_recovery import finish_pending
from comms_source.destinations.dlt_errors import retry_while_locked, translate_dlt_errors
from comms_source.destinations.locks import exclusive_run
from comms_source.destinations.pipeline import require_dataset
from comms_source.destinations.queries import ask
from comms_source.destinations.rejected_rows import RejectedRow, rejected_rows
from comms_source.dlt_resources.shared_tables import bookkeeping_resources
from comms_source.errors import COMPLETE, ConfigurationError
from comms_source.tables.bookkeeping import ACKNOWLEDGED, RUNS
from comms_source.tables.specs import Piece
from comms_source.timespans import utc_now

_ACCOUNTS: Final = "select distinct account from {runs}"


@dataclass(frozen=True, slots=True)
class RejectedRows:
    """Rows of the API that could not be read, the latest of each channel first."""

    rows: Sequence[RejectedRow]

    @property
    def exit_code(self) -> int:
        """0: a list is always complete."""
        return COMPLETE

    @property
    def open(self) -> int:
        """How many of them are neither resolved nor acknowledged."""
        return sum(row.state == "open" for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """The same for machines; times in ISO 8601 and UTC."""
        rows: list[dict[str, Any]] = msgspec.to_builtins(self.rows)
        return {"exit_code": self.exit_code, "open": self.open, "rows": rows}


def rejected(
    *,
    accounts: Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
    include_all: bool = False,
    destination: str | None = None,
    dataset: str | None = None,
) -> RejectedRows:
    """The rows of the API that could not be read, by default those that are open.

    A row is resolved once its operation was read well later. Needs no credentials.

    Args:
        accounts: Of which accounts; by default all in the dataset.
        channels: Of which channels; by default all.
        include_all: Also those that are resolved or acknowledged.
        destination: A dlt destination; by default the one that is configured, or DuckDB.
        dataset: The dataset; by default the one that is configured, or `comms`.

    Raises:
        ConfigurationError: if a setting is wrong, or there is no such account or channel.
        RunStopped: if there are no tables yet, or the destination cannot be reached.
    """
    pipeline = any_pipeline(destination=destination, dataset=dataset, read_only=True)
    found = _read(pipeline, accounts=accounts, channels=channels)
    return RejectedRows([row for row in found if include_all or row.state == "open"])


def acknowledge(
    ids: Sequence[str] | None = None,
    *,
    accounts: Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
    destination: str | None = None,
    dataset: str | None = None,
) -> RejectedRows:
    """Mark rejected rows as known, so that no status, report or exit code mentions them again.

    It holds for the operation: also if it is read again with other counters. Needs no credentials.

    Args:
        ids: The ids of operations, or the keys of rows; by default all rows that are open.
        accounts: Of which accounts; by default all in the dataset.
        channels: Of which channels; by default all.
        destination: A dlt destination; by default the one that is configured, or DuckDB.
        dataset: The dataset; by default the one that is configured, or `comms`.

    Returns:
        The rows that were meant, in their new state.

    Raises:
        ConfigurationError: if a setting is wrong, or there is no such account, channel or row.
        RunStopped: if there are no tables yet, another run is in progress, or the destination does
            not take it.
    """
    pipeline = any_pipeline(destination=destination, dataset=dataset)
    retry_while_locked(require_dataset)(pipeline)  # Otherwise a DuckDB file would be made.
    with exclusive_run(pipeline, command="rejected"):
        finish_pending(pipeline)
        found = _read(pipeline, accounts=accounts, channels=channels)
        meant = [row for row in found if row.state == "open"] if ids is None else _named(found, ids)
        now = utc_now()
        if marked := [row for row in meant if row.state == "open"]:
            commit(pipeline, source_of(bookkeeping_resources([_acknowledgements(marked, now)])))
    known: dict[str, Any] = {"state": "acknowledged", "acknowledged_at": now}
    return RejectedRows([replace(row, **known) if row.state == "open" else row for row in meant])


def _acknowledgements(rows: Sequence[RejectedRow], now: datetime) -> Piece:
    keys = dict.fromkeys((row.account, row.channel, row.subject) for row in rows)
    names = ACKNOWLEDGED.columns.names
    return Piece(
        ACKNOWLEDGED,
        ACKNOWLEDGED.rows(dict(zip(names, (*key, now), strict=True)) for key in keys),
    )


def _named(rows: Sequence[RejectedRow], ids: Sequence[str]) -> list[RejectedRow]:
    """The rows with these ids or keys.

    Raises:
        ConfigurationError: if one of `ids` is that of no row.
    """
    known = {name for row in rows for name in (row.operation_id, row.row_key)}
    if unknown := [name for name in dict.fromkeys(ids) if name not in known]:
        raise ConfigurationError(
            f"id: no rejected row has {', '.join(map(repr, unknown))} as its operation's id or as "
            "its row_key; comms rejected --all lists them"
        )
    chosen = set(ids)
    return [row for row in rows if {row.operation_id, row.row_key} & chosen]


@retry_while_locked
def _read(
    pipeline: dlt.Pipeline, *, accounts: Sequence[str] | None, channels: Sequence[str] | None
) -> list[RejectedRow]:
    """The rows of these accounts and channels, in any state."""
    chosen = tuple(channels or CHANNELS)
    check_channels(chosen)
    require_dataset(pipeline)
    with translate_dlt_errors(), pipeline.sql_client() as client:
        rows = list(rejected_rows(client, channels=[CHANNELS[name] for name in chosen]))
        loaded = {account for (account,) in ask(client, _ACCOUNTS, runs=RUNS.name)}
    _check_accounts(accounts or (), {*loaded, *account_names(), *(row.account for row in rows)})
    return [row for row in rows if not accounts or row.account in accounts]


def _check_accounts(accounts: Sequence[str], known: set[str]) -> None:
    if unknown := [account for account in accounts if account not in known]:
        raise ConfigurationError(
            f"account: nothing of {', '.join(map(repr, unknown))} was ever loaded; the accounts "
            f"are {', '.join(sorted(known)) or 'none yet'}"
        )
