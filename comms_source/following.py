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

from comms_source.channels import Channel
from comms_source.client import CommsClient, OperationAnswer
from comms_source.errors import ChannelRefused, WalkFailed
from comms_source.planner import Policy
from comms_source.session import Session
from comms_source.tables import PageTables, Stamp, read_rows

OPEN_STATUSES = ("SCHEDULED", "PROCESSING")


@dataclass(frozen=True, slots=True)
class OpenOperation:
    """An operation that had not ended when the API was last asked."""

    id: str
    created_at: datetime
    asked_at: datetime


@dataclass(slots=True)
class Followed:
    """What became of operations that were asked for by id."""

    pages: list[PageTables] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    """Rows of `followed_operations`."""
    failures: dict[str, WalkFailed | ChannelRefused] = field(default_factory=dict)


def due_by_id(
    opened: Sequence[OpenOperation], *, now: datetime, policy: Policy
) -> list[OpenOperation]:
    """Those past retention whose row is staler than the policy allows; the oldest first."""
    horizon = now - policy.retention
    gone = [operation for operation in opened if operation.created_at < horizon]
    due = [operation for operation in gone if _is_due(operation, now, policy)]
    return sorted(due, key=lambda operation: (operation.created_at, operation.id))


def _is_due(operation: OpenOperation, now: datetime, policy: Policy) -> bool:
    if policy.refresh == "full":
        return True
    return now - operation.asked_at >= policy.refresh_ratio * (now - operation.created_at)


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
        answers = pool.map(lambda asked: _ask(client, channel, asked.id), operations)
        for operation, answer in zip(operations, answers, strict=True):
            _enter(followed, operation, answer, channel=channel, session=session, load_id=load_id)
    return followed


def _ask(
    client: CommsClient, channel: Channel, operation_id: str
) -> OperationAnswer | WalkFailed | ChannelRefused | None:
    try:
        return client.fetch_operation(channel=channel, operation_id=operation_id)
    except (WalkFailed, ChannelRefused) as failure:
        return failure


def _enter(
    followed: Followed,
    operation: OpenOperation,
    answer: OperationAnswer | WalkFailed | ChannelRefused | None,
    *,
    channel: Channel,
    session: Session,
    load_id: str,
) -> None:
    if isinstance(answer, WalkFailed | ChannelRefused):
        followed.failures[operation.id] = answer
        return
    status = None
    if answer is not None:
        stamp = Stamp(
            account=session.settings.account, load_id=load_id, synced_at=answer.received_at
        )
        text = answer.body.decode()
        page = read_rows([answer.operation], raw=lambda: [text], channel=channel, stamp=stamp)
        followed.pages.append(page)
        status = page.operations["status"][0].as_py() if page.operations.num_rows else None
    followed.records.append(
        {
            "account": session.settings.account,
            "channel": channel.name,
            "operation_id": operation.id,
            "created_at": operation.created_at,
            "asked_at": session.clock() if answer is None else answer.received_at,
            "outcome": _outcome(answer, status),
            "status": status,
        }
    )


def _outcome(answer: OperationAnswer | None, status: str | None) -> str:
    if answer is None:
        return "lost"
    return "open" if status is None or status in OPEN_STATUSES else "ended"
