"""Single operations by id: asked for one by one, in the channels where they may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from comms_source.api.client import CommsClient, OperationAnswer
from comms_source.channels import Channel
from comms_source.errors import ChannelRefused, ScanFailed
from comms_source.extract.session import Session
from comms_source.tables.batches import Batch, batch_of
from comms_source.tables.operations import PageTables, Stamp, read_rows


@dataclass(slots=True)
class Fetched:
    """What became of the ids that were asked for."""

    batches: dict[str, Batch] = field(default_factory=dict)
    """The rows by channel."""
    found: dict[str, str] = field(default_factory=dict)
    """The channel of each id that was found and read."""
    unknown: list[str] = field(default_factory=list)
    """Ids that every channel answered 404 for."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why an id could not be asked for, or its operation not be read."""


def fetch_operations(
    *, session: Session, ids: Sequence[str], channels: Sequence[Channel]
) -> Fetched:
    """Ask for each of `ids` in each of `channels` until one has it.

    Raises:
        RunStopped: if the API refuses the credentials.
    """
    fetched = Fetched()
    pages: dict[str, list[PageTables]] = {}
    with session.connected() as client:
        for operation_id in dict.fromkeys(ids):
            try:
                found = _find(client, operation_id, channels)
            except (ScanFailed, ChannelRefused) as error:
                fetched.failures[operation_id] = str(error)
                continue
            if found is None:
                fetched.unknown.append(operation_id)
                continue
            channel, answer = found
            page = _read(session, channel, answer)
            pages.setdefault(channel.name, []).append(page)
            _note(fetched, operation_id, channel, page)
    fetched.batches = {name: batch_of(found) for name, found in pages.items()}
    return fetched


def _find(
    client: CommsClient, operation_id: str, channels: Sequence[Channel]
) -> tuple[Channel, OperationAnswer] | None:
    for channel in channels:
        answer = client.fetch_operation(channel=channel, operation_id=operation_id)
        if answer is not None:
            return channel, answer
    return None


def _read(session: Session, channel: Channel, answer: OperationAnswer) -> PageTables:
    # Which load the row is part of is known only when it is loaded.
    stamp = Stamp(account=session.settings.account, load_id="", synced_at=answer.received_at)
    text = answer.body.decode()
    return read_rows([answer.operation], raw=lambda: [text], channel=channel, stamp=stamp)


def _note(fetched: Fetched, operation_id: str, channel: Channel, page: PageTables) -> None:
    if page.rejected.num_rows:
        fetched.failures[operation_id] = page.rejected["reason"][0].as_py()
    else:
        fetched.found[operation_id] = channel.name
