"""`comms fetch`: refresh single operations by id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import dlt
from dlt.extract import DltResource

from comms_source.channels import CHANNELS
from comms_source.commands.run import corrected_by_the_api, source_of
from comms_source.commands.summary import FetchSummary
from comms_source.config.accounts import read_accounts
from comms_source.destinations.commit import commit
from comms_source.destinations.crash_recovery import finish_pending
from comms_source.destinations.locks import exclusive_run
from comms_source.destinations.pipeline import open_pipeline
from comms_source.dlt_resources.channel_tables import fetched_resources
from comms_source.dlt_resources.shared_tables import bookkeeping_resources
from comms_source.errors import ClockSkewed, ConfigurationError, LoadFailed, RunStopped
from comms_source.extract.by_id import Fetched, find
from comms_source.extract.session import Session
from comms_source.tables.batches import pieces_of
from comms_source.tables.operations import REJECTED


def fetch(
    ids: Sequence[str],
    *,
    accounts: Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
    destination: str | None = None,
    dataset: str | None = None,
) -> FetchSummary:
    """Ask one account after the other for operations by id, until one has them, and load them.

    Args:
        ids: The ids of operations.
        accounts: Which accounts to ask; by default all.
        channels: Which channels to ask; by default all.
        destination: A dlt destination; by default the one that is configured, or DuckDB.
        dataset: The dataset to load into; by default the one that is configured, or `comms`.

    Raises:
        RunStopped: if the destination rejects them, or each account was stopped; it is what
            stopped the first.
    """
    check_ids(ids)
    selected = read_accounts(names=accounts, channels=channels).selected
    found: dict[str, str] = {}
    failures: dict[str, str] = {}
    stopped: list[RunStopped] = []
    for account in selected:
        left = [name for name in dict.fromkeys(ids) if name not in found]
        if not left:
            break
        try:
            session = Session(settings=account.settings)
            pipeline = open_pipeline(
                destination=destination, dataset=dataset, account=account.section
            )
            fetched = run_fetch(session=session, pipeline=pipeline, ids=left)
        except LoadFailed:
            raise
        except RunStopped as error:
            stopped.append(error)
            failures |= dict.fromkeys(left, f"account {account.name}: {error}")
            continue
        found |= fetched.found
        failures |= fetched.failures
    if stopped and len(stopped) == len(selected):
        raise stopped[0]
    failures = {name: why for name, why in failures.items() if name not in found}
    unknown = [name for name in dict.fromkeys(ids) if name not in found and name not in failures]
    return FetchSummary(found, unknown, failures)


_OPERATION_ID: Final = re.compile(r"comms_operation_[0-9a-z]{20,100}")
"""The documented pattern, with room: an id in the documentation itself is shorter than that."""


def check_ids(ids: Sequence[str]) -> None:
    """Check that each id may be one, before any of them becomes part of an address.

    Raises:
        ConfigurationError: if one cannot be the id of an operation.
    """
    for operation_id in ids:
        if not _OPERATION_ID.fullmatch(operation_id):
            raise ConfigurationError(
                f"id: {operation_id!r} cannot be the id of an operation; expected comms_operation_ "
                "and 20 or more lower-case letters and digits"
            )


def run_fetch(*, session: Session, pipeline: dlt.Pipeline, ids: Sequence[str]) -> FetchSummary:
    """Ask for single operations and load those that there are.

    Raises:
        RunStopped: if nothing can be loaded, or the destination does not take it.
    """
    with exclusive_run(pipeline, command="fetch"):
        finish_pending(pipeline)
        channels = session.settings.selected
        try:
            fetched = find(ids, session=session, channels=channels)
        except ClockSkewed as skewed:
            session = corrected_by_the_api(session, skewed)
            fetched = find(ids, session=session, channels=channels)
        if fetched.pages:
            commit(pipeline, source_of(_resources(fetched, session=session)))
    return FetchSummary(fetched.found, fetched.unknown, fetched.failures)


def _resources(fetched: Fetched, *, session: Session) -> list[DltResource]:
    read_by, history = session.clock(), session.settings.history
    channels = [
        resource
        for channel in CHANNELS.values()
        for resource in fetched_resources(
            channel,
            fetched.pages.get(channel.name, []),
            history=history,
            read_by=read_by if channel.name in fetched.pages else None,
        )
    ]
    rejected = [
        piece
        for name, pages in fetched.pages.items()
        for piece in pieces_of(pages, channel=CHANNELS[name])
        if piece.spec is REJECTED
    ]
    return [*channels, *bookkeeping_resources(rejected)]
