"""What the resources of one load package share: the queues between them, and the run's record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dlt
import pyarrow as pa

from comms_source.channels import Channel
from comms_source.destinations.current_package import current_load_id
from comms_source.destinations.stored_details import current_details_work
from comms_source.dlt_resources.shared_tables import DETAILS_PARENT, PARENT
from comms_source.extract.bookkeeping_queue import PackageQueues, PackageRecords
from comms_source.extract.details_run import DetailsRun
from comms_source.extract.parallel_scans import OnError
from comms_source.extract.run_record import RunRecord
from comms_source.tables.bookkeeping import BOOKKEEPING, RUNS
from comms_source.tables.detail_tables import DETAIL_TABLES, DETAILS
from comms_source.tables.operations import operations_table
from comms_source.tables.specs import Piece


class Package:
    """What the resources of one load package share, whichever of them is evaluated first."""

    def __init__(
        self, record: RunRecord, channels: Sequence[Channel], *, goes_on: bool = False
    ) -> None:
        self.record = record
        self.on_error: OnError = "raise"
        """Whether a failure to read details fails the extract."""
        self._channels = channels
        self._goes_on = goes_on
        """Whether the run goes on in another package when all channels are read."""
        self._load_id: str | None = None
        self._queues = PackageQueues({})

    def queues(self) -> PackageQueues:
        """Where the rows go that are not for the resources of the channels.

        Call it on dlt's own thread: it asks which resources are extracted.
        """
        if self._load_id != current_load_id() or self._is_read:
            extracted = {resource.name for resource in dlt.current.source().resources.extracted}
            reading = [channel.name for channel in self._channels if channel.table in extracted]
            operations = [operations_table(channel) for channel in self._channels]
            takes = {PARENT: [*BOOKKEEPING], DETAILS_PARENT: operations}
            self._load_id = current_load_id()
            self._queues = PackageQueues(
                {
                    parent: PackageRecords(reading, specs)
                    for parent, specs in takes.items()
                    if parent in extracted
                }
            )
        return self._queues

    @property
    def _is_read(self) -> bool:
        """Whether what is there is of an earlier iteration, without a load package."""
        return not self._load_id and self._queues.complete

    def bookkeeping(self) -> Iterator[Piece | None]:
        """The bookkeeping's rows as they come, and None while there are none yet."""
        records = self.queues().by_parent[PARENT]
        while not records.complete:
            yield from records.taken()
            yield None  # dlt turns to the other resources.
        yield from records.taken()
        yield Piece(RUNS, RUNS.rows(self.record.died))
        self.record.died = ()
        running = records.running or self._goes_on
        yield Piece(RUNS, RUNS.rows([self.record.row(running=running, stopped=records.stopped)]))

    def details(self) -> Iterator[Piece | None]:
        """The rows of details, once all channels are read; None before."""
        operations = self.queues().by_parent[DETAILS_PARENT]
        fresh: dict[str, list[pa.Table]] = {}
        while not operations.complete:
            yield None
        for piece in operations.taken():
            fresh.setdefault(piece.spec.name, []).append(piece.rows)
        session = self.record.session
        work = current_details_work(
            settings=session.settings,
            now=session.now,
            fresh={
                channel.name: pa.concat_tables(fresh[channel.table], promote_options="default")
                for channel in self._channels
                if channel.table in fresh
            },
        )
        run = DetailsRun(work=work, session=session, on_error=self.on_error)
        extracted = {resource.name for resource in dlt.current.source().resources.extracted}
        # What goes to no table must not count as read.
        is_whole = all(spec.name in extracted for spec in DETAIL_TABLES)
        yield from (piece for piece in run.scan() if is_whole or piece.spec is not DETAILS)
