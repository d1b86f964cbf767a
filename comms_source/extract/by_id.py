"""Operations requested one by one by their ids.

`follow` asks for operations that leave the API's lists before they end, until they end or are not
found. Which they are is known from the destination, not from dlt's state: an operation is followed
however its row was loaded. `find` asks for ids that a person names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    """What became of operations that were requested by id."""

    pages: list[PageTables] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    """Rows of `followed_operations`."""
    failures: dict[str, ScanFailed | ChannelRefused] = field(default_factory=dict)


def follow(operations: Sequence[OpenOperation], *, channel: Channel, session: Session) -> Followed:
    """Ask for each of `operations` by id.

    Raises:
        RunStopped: if the API refuses the credentials.
    """
    followed = Followed()
    if not operations:
        return followed

    def ask(operation: OpenOperation) -> _Answer:
        try:
            found = client.fetch_operation(channel=channel, operation_id=operation.id)
        except (ScanFailed, ChannelRefused) as failure:
            return _Answer(operation, session.clock(), failure=failure)
        return _Answer(operation, session.clock(), found=found)

    with (
        session.connected() as client,
        ThreadPoolExecutor(session.settings.concurrency, f"{channel.name}-follow") as pool,
    ):
        for answer in pool.map(ask, operations):
            if answer.failure is not None:
                followed.failures[answer.operation.id] = answer.failure
                continue
            page = None
            if answer.found is not None:
                page = _read(answer.found, channel=channel, session=session)
                followed.pages.append(page)
            followed.records.append(_record(answer, page, channel=channel, session=session))
    return followed


@dataclass(frozen=True, slots=True)
class _Answer:
    operation: OpenOperation
    asked_at: datetime
    found: OperationAnswer | None = None
    failure: ScanFailed | ChannelRefused | None = None


def _record(
    answer: _Answer, page: PageTables | None, *, channel: Channel, session: Session
) -> dict[str, Any]:
    status = page.operations["status"][0].as_py() if page and page.operations.num_rows else None
    outcome = "active" if status is None or status in OPEN_STATUSES else "ended"
    return {
        "account": session.settings.account,
        "channel": channel.name,
        "operation_id": answer.operation.id,
        "created_at": answer.operation.created_at,
        "asked_at": answer.asked_at,
        "outcome": "not_found" if answer.found is None else outcome,
        "status": status,
    }


@dataclass(slots=True)
class Fetched:
    """What became of the ids that were asked for."""

    pages: dict[str, list[PageTables]] = field(default_factory=dict)
    """The rows, by channel."""
    found: dict[str, str] = field(default_factory=dict)
    """The channel of each id that was found and read."""
    unknown: list[str] = field(default_factory=list)
    """Ids that every channel answered 404 for."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why an id could not be asked for, or its operation not be read."""


def find(ids: Sequence[str], *, session: Session, channels: Sequence[Channel]) -> Fetched:
    """Ask for each of `ids` in each of `channels` until one has it.

    Raises:
        RunStopped: if the API refuses the credentials.
    """
    fetched = Fetched()
    with session.connected() as client:
        for operation_id in dict.fromkeys(ids):
            try:
                found = next(_answers(client, operation_id, channels), None)
            except (ScanFailed, ChannelRefused) as error:
                fetched.failures[operation_id] = str(error)
                continue
            if found is None:
                fetched.unknown.append(operation_id)
                continue
            channel, answer = found
            page = _read(answer, channel=channel, session=session)
            fetched.pages.setdefault(channel.name, []).append(page)
            if page.rejected.num_rows:
                fetched.failures[operation_id] = page.rejected["reason"][0].as_py()
            else:
                fetched.found[operation_id] = channel.name
    return fetched


def _answers(
    client: CommsClient, operation_id: str, channels: Sequence[Channel]
) -> Iterator[tuple[Channel, OperationAnswer]]:
    for channel in channels:
        answer = client.fetch_operation(channel=channel, operation_id=operation_id)
        if answer is not None:
            yield channel, answer


def _read(answer: OperationAnswer, *, channel: Channel, session: Session) -> PageTables:
    stamp = Stamp(account=session.settings.account, synced_at=answer.received_at)
    text = answer.body.decode()
    return read_rows([answer.operation], raw=lambda: [text], channel=channel, stamp=stamp)
