"""The resources of a channel: its operations with a cursor, and a transformer for their history.

The operations are incremental on `created_at`. The API has no filter on the time of the last
change, so the cursor does not decide what is read; it tells a user of dlt up to which creation time
the table is filled. It is set with `advance`, since the range was applied on the way, and rows pass
without being looked at again. An `end_value` (or `end_date`) makes a run that reads exactly the
given range and leaves no state behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from datetime import datetime
from typing import Any, Optional

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from comms_source.channels import Channel
from comms_source.destinations.capabilities import current_capabilities
from comms_source.destinations.current_package import current_load_id, date_package
from comms_source.destinations.dlt_internals import wrap_parallel_iterator
from comms_source.destinations.table_hints import HistoryRows, table_hints
from comms_source.dlt_resources.package import Package
from comms_source.dlt_resources.shared_tables import PARENT, is_missing
from comms_source.errors import ConfigurationError
from comms_source.extract.channel_run import ChannelRun
from comms_source.extract.parallel_scans import PageLimit
from comms_source.tables.batches import pieces_of
from comms_source.tables.history import history_rows, history_table
from comms_source.tables.operations import PageTables, operations_table
from comms_source.tables.specs import with_load_id
from comms_source.timespans import parse_instant, utc_now

MakeRun = Callable[[Optional[datetime], Optional[datetime]], ChannelRun]  # noqa: UP045
"""Makes a channel's run when it is time to read, from the cursor's bounds."""


def channel_resources(
    channel: Channel,
    read: Callable[..., Iterator[Any]],
    *,
    history: bool,
    read_by: Callable[[], datetime],
) -> list[DltResource]:
    """The resource of a channel's operations, and the transformer of its history."""
    spec, states_spec = operations_table(channel), history_table(channel)

    of_package: dict[str, HistoryRows] = {}

    def history_of_package() -> HistoryRows:
        # Once for a load package: it may open a lake's table.
        load_id = current_load_id()
        if load_id not in of_package:
            of_package.clear()
            of_package[load_id] = HistoryRows(states_spec, current_capabilities(), read_by=read_by)
        return of_package[load_id]

    def states(rows: Any) -> Any:
        if not isinstance(rows, pa.Table):
            raise ConfigurationError(
                f"history: {spec.name} was mapped to {type(rows).__name__}, and histories are made "
                "of Arrow tables; leave them out with history=False"
            )
        if not rows.num_rows or not history:
            if not is_missing(states_spec):
                return None
            rows = rows.slice(0, 0)  # The views read the table of the history, empty or not.
        return history_of_package().to_load(history_rows(rows))

    operations: Any = dlt.resource(read, **table_hints(spec))
    return [
        operations,
        dlt.transformer(states, data_from=operations, **table_hints(states_spec)),
    ]


def channel_reader(
    channel: Channel,
    *,
    make_run: MakeRun,
    package: Package,
    limit: PageLimit,
    start: datetime | None,
    end: datetime | None,
) -> Callable[..., Iterator[Any]]:
    """The function of a channel's resource, with a cursor of its own."""
    cursor = dlt.sources.incremental[datetime]("created_at", initial_value=start, end_value=end)
    spec = operations_table(channel)
    session = package.record.session

    def operations(
        created_at: dlt.sources.incremental[datetime] = cursor,
    ) -> Iterator[Any]:
        queues, missing = package.queues(), _is_any_missing(channel)
        if not session.settings.allow_duplicates:
            current_capabilities().check_merging()

        def read() -> Iterator[pa.Table]:
            last = _instant(created_at.end_value)
            run = make_run(_instant(created_at.initial_value), last)
            created_at.advance(last or session.now)
            load_id = current_load_id()
            keeps = run.plan.keeps_coverage and bool(load_id)
            # Without a pipeline nothing is committed, and so nothing is remembered.
            state: MutableMapping[str, Any] = dlt.current.resource_state() if keeps else {}
            brings = False
            run.open(state)
            for piece in run.scan(limit):
                queues.put(piece)
                if piece.spec is spec:
                    brings = True
                    yield with_load_id(piece.rows, load_id)
            if missing and not brings:
                yield with_load_id(spec.empty(), load_id)  # Last, since add_limit counts it.
            brings = brings and session.settings.history
            date_package(session.clock(), brings=brings, remembers=run.plan.keeps_coverage)
            # dlt commits rows, state and bookkeeping in this load package, or none of them.
            pieces = run.close(state, recorded=PARENT in queues.by_parent)
            queues.leave(channel.name, pieces, done=run.done)

        # Several channels are read at once, each in a thread of dlt's. Its configuration must not
        # be asked for in those, nor its schema, which grows meanwhile: both were asked before.
        try:
            yield from wrap_parallel_iterator(read)()
        finally:
            queues.stop(channel.name)  # add_limit ends the resource before it is done.

    return operations


def fetched_resources(
    channel: Channel,
    pages: Sequence[PageTables],
    *,
    history: bool,
    read_by: datetime | None = None,
) -> list[DltResource]:
    """The resources of a channel for rows that were read before; they have no cursor.

    Args:
        channel: The channel that the rows are from.
        pages: The rows.
        history: Whether their states are kept.
        read_by: When they had been read; None where there are none.
    """
    spec = operations_table(channel)

    def operations() -> Iterator[pa.Table]:
        rows = [piece.rows for piece in pieces_of(pages, channel=channel) if piece.spec is spec]
        load_id, missing = current_load_id(), _is_any_missing(channel)
        yield from (with_load_id(each, load_id) for each in rows or [spec.empty()] * missing)
        if read_by is not None:
            date_package(read_by)

    return channel_resources(
        channel, operations, history=history, read_by=lambda: read_by or utc_now()
    )


def _is_any_missing(channel: Channel) -> bool:
    return is_missing(operations_table(channel)) or is_missing(history_table(channel))


def _instant(value: Any) -> datetime | None:
    return None if value is None else parse_instant(value)
