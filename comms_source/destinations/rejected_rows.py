"""The rejected rows in the tables, and what became of each.

The view `rejected_rows` says the same to people who write SQL. Here only tables are asked, so that
runs and `comms status` need no views.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from comms_source.channels import Channel
from comms_source.destinations.queries import ask
from comms_source.tables.bookkeeping import ACKNOWLEDGED
from comms_source.tables.operations import REJECTED
from comms_source.timespans import parse_instant

MOST_KNOWN: Final = 100_000
"""How many rejected rows of a channel a run knows again; with more, all are reported again."""

State = Literal["open", "acknowledged", "resolved"]

_RESOLVED: Final = """
select rejected.row_key
from {rejected} as rejected
inner join {operations} as operations
    on operations.account = rejected.account and operations.id = rejected.operation_id
where rejected.channel = %s and operations.synced_at > rejected.synced_at
"""
"""The rows whose operation was read well later."""

_ACKNOWLEDGED: Final = """
select rejected.row_key
from {rejected} as rejected
inner join {acknowledged} as acknowledged
    on
        acknowledged.account = rejected.account
        and acknowledged.channel = rejected.channel
        and acknowledged.subject = coalesce(rejected.operation_id, rejected.row_key)
where rejected.channel = %s
"""

_KNOWN: Final = f"""
select coalesce(operation_id, row_key) from {{rejected}}
where
    account = %s and channel = %s and synced_at >= %s
    and (row_key not in ({_RESOLVED}) or row_key in ({_ACKNOWLEDGED}))
order by synced_at desc limit {MOST_KNOWN}
"""  # noqa: S608 - constants
_OPEN: Final = f"""
select count(*) from {{rejected}}
where
    account = %s and channel = %s
    and row_key not in ({_RESOLVED}) and row_key not in ({_ACKNOWLEDGED})
"""  # noqa: S608
_ROWS: Final = """
select account, operation_id, row_key, reason, synced_at from {rejected}
where channel = %s order by synced_at desc, account, row_key
"""
_SUBJECTS: Final = """
select account, subject, acknowledged_at from {acknowledged} where channel = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A row of the API that could not be read."""

    account: str
    channel: str
    operation_id: str | None
    row_key: str
    reason: str
    synced_at: datetime
    """When the API last sent it."""
    state: State
    acknowledged_at: datetime | None = None

    @property
    def subject(self) -> str:
        """What it is acknowledged by: the operation's id, or the row's key if it has no id."""
        return self.operation_id or self.row_key


def known_subjects(client: Any, *, channel: Channel, account: str, since: datetime) -> set[str]:
    """What was rejected since an instant and is not resolved, or was acknowledged.

    Args:
        client: dlt's SQL client of the destination, connected.
        channel: The channel.
        account: The label of the account.
        since: The instant.
    """
    values = (account, channel.name, since, channel.name, channel.name)
    return {subject for (subject,) in ask(client, _KNOWN, *values, **_tables(channel))}


def open_rows(client: Any, *, channel: Channel, account: str) -> int:
    """How many rejected rows are neither resolved nor acknowledged."""
    values = (account, channel.name, channel.name, channel.name)
    found = ask(client, _OPEN, *values, **_tables(channel))
    return int(found[0][0]) if found else 0


def rejected_rows(client: Any, *, channels: Iterable[Channel]) -> Iterator[RejectedRow]:
    """The rejected rows of some channels, of all accounts, the latest of each channel first."""
    for channel in channels:
        tables = _tables(channel)
        resolved = {key for (key,) in ask(client, _RESOLVED, channel.name, **tables)}
        acknowledged = {
            (account, subject): parse_instant(at)
            for account, subject, at in ask(client, _SUBJECTS, channel.name, **tables)
        }
        for account, operation_id, key, reason, at in ask(client, _ROWS, channel.name, **tables):
            acknowledged_at = acknowledged.get((account, operation_id or key))
            seen: State = "open" if acknowledged_at is None else "acknowledged"
            yield RejectedRow(
                account=account,
                channel=channel.name,
                operation_id=operation_id,
                row_key=key,
                reason=reason,
                synced_at=parse_instant(at),
                state="resolved" if key in resolved else seen,
                acknowledged_at=acknowledged_at,
            )


def _tables(channel: Channel) -> dict[str, str]:
    return {
        "rejected": REJECTED.name,
        "acknowledged": ACKNOWLEDGED.name,
        "operations": channel.table,
    }
