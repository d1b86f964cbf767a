"""Operations that leave the lists before they end: asked for by id until they end or are unknown.

What is open is known from the warehouse, not from dlt's state: whatever brought a row there, and
however many there are, it is followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from comms_source.api.client import CommsClient, OperationAnswer
from comms_source.channels import Channel
from comms_source.coverage.open_operations import OPEN_STATUSES, OpenOperation
from comms_source.errors import ChannelRefused, ScanFailed
from comms_source.extract.session import Session
from comms_source.tables.operations import PageTables, Stamp, read_rows


@dataclass(slots=True)
class Followed:
    """What became of operations that were asked for by id."""

    pages: list[PageTables] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    """Rows of `followed_operations`."""
    failures: dict[str, ScanFailed | ChannelRefused] = field(default_factory=dict)


def follow(
    operations: Sequence[OpenOperation], *, channel: Channel, session: Session, load_id: str
) -> Followed:
    """Ask for each of `operations` by id.

    Raises:
        RunStopped: if the API refuses the credentials.
    """
    followed = Followed()
    if not operations:
        return followed
    with (
        session.connected() as client,
        ThreadPoolExecutor(session.settings.concurrency, f"{channel.name}-follow") as pool,
    ):
        answers = pool.map(lambda asked: _ask(client, channel, asked, session), operations)
        for answer in answers:
            _enter(followed, answer, channel=channel, session=session, load_id=load_id)
    return followed


@dataclass(frozen=True, slots=True)
class _Answer:
    asked: OpenOperation
    asked_at: datetime
    found: OperationAnswer | None = None
    failure: ScanFailed | ChannelRefused | None = None


def _ask(client: CommsClient, channel: Channel, asked: OpenOperation, session: Session) -> _Answer:
    try:
        found = client.fetch_operation(channel=channel, operation_id=asked.id)
        return _Answer(asked, session.clock(), found=found)
    except (ScanFailed, ChannelRefused) as failure:
        return _Answer(asked, session.clock(), failure=failure)


def _enter(
    followed: Followed, answer: _Answer, *, channel: Channel, session: Session, load_id: str
) -> None:
    if answer.failure is not None:
        followed.failures[answer.asked.id] = answer.failure
        return
    page = _read(answer.found, channel=channel, session=session, load_id=load_id)
    status = page.operations["status"][0].as_py() if page and page.operations.num_rows else None
    followed.pages.extend([page] if page else [])
    followed.records.append(
        {
            "account": session.settings.account,
            "channel": channel.name,
            "operation_id": answer.asked.id,
            "created_at": answer.asked.created_at,
            "asked_at": answer.asked_at,
            "outcome": _outcome(answer.found, status),
            "status": status,
        }
    )


def _read(
    answer: OperationAnswer | None, *, channel: Channel, session: Session, load_id: str
) -> PageTables | None:
    if answer is None:
        return None
    account, text = session.settings.account, answer.body.decode()
    stamp = Stamp(account=account, load_id=load_id, synced_at=answer.received_at)
    return read_rows([answer.operation], raw=lambda: [text], channel=channel, stamp=stamp)


def _outcome(answer: OperationAnswer | None, status: str | None) -> str:
    if answer is None:
        return "not_found"
    return "active" if status is None or status in OPEN_STATUSES else "ended"
