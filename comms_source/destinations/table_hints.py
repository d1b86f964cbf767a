"""How rows go to a destination: with which hints, and what becomes of histories there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import dlt
from dlt.common.configuration.container import Container
from dlt.common.destination import DestinationCapabilitiesContext

from comms_source.channels import Channel
from comms_source.destinations.capabilities import Abilities, abilities
from comms_source.destinations.lakes import CurrentStates
from comms_source.tables.batches import Piece
from comms_source.tables.bookkeeping import Record
from comms_source.tables.history import ROW_VERSION, VALID_FROM, VALID_TO
from comms_source.tables.history_upserts import KEY, successors

_LATER_COUNTS: Final[Any] = {"synced_at": {"dedup_sort": "desc"}}
"""Of two rows of one operation in one load the later one counts."""

_STATES_FOLLOW: Final[Any] = {
    "disposition": "merge",
    "strategy": "scd2",
    "row_version_column_name": ROW_VERSION,
    "validity_column_names": [VALID_FROM, VALID_TO],
}
"""A version that is not the operation's current one ends that and follows it."""


def abilities_here() -> Abilities:
    """What the destination of the load package that is being extracted can do, if there is one.

    Raises:
        ConfigurationError: if it keeps all that it is given.
    """
    container = Container()
    if DestinationCapabilitiesContext not in container:
        return Abilities(strategies=None, table_format=None)
    able = abilities(container[DestinationCapabilitiesContext])
    able.check_merging()
    return able


class Taking:
    """How the destination takes the rows of one channel, in one load package."""

    def __init__(self, channel: Channel, able: Abilities, *, clock: Callable[[], datetime]) -> None:
        """Find the history that is there, where dlt does not go on with it by itself."""
        self._channel = channel
        self._able = able
        self._clock = clock
        self._current: CurrentStates | None = None
        if able.histories == "merged" and able.table_format is not None:
            self._current = CurrentStates.open(channel.history_table, able.table_format)

    @classmethod
    def here(cls, channel: Channel, *, clock: Callable[[], datetime]) -> Taking:
        """For the load package that is being extracted; not to be called in threads of dlt's.

        Args:
            channel: The channel that rows are from.
            clock: When what is taken had been read.

        Raises:
            ConfigurationError: if the destination keeps all that it is given.
        """
        return cls(channel, abilities_here(), clock=clock)

    def taken(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """What the destination takes of `pieces`, its histories as rows to merge where need be."""
        for piece in pieces:
            if piece.kind != "history" or self._able.histories == "scd2":
                yield piece
            elif self._current is not None:
                current = self._current.of(piece.rows)
                yield Piece(successors(piece.rows, current, read_at=self._clock()), "history")

    def marked(self, piece: Piece) -> Any:
        """Rows with the hints of their table; hints on a resource would go to all its tables."""
        hints = dlt.mark.make_hints(
            table_name=piece.table(self._channel),
            table_format=self._able.table_format,
            **self._merging(piece),
        )
        return dlt.mark.with_hints(piece.rows, hints, create_table_variant=True)

    def _merging(self, piece: Piece) -> dict[str, Any]:
        """How rows find those that they replace, or follow."""
        if isinstance(piece.kind, Record):
            return {"primary_key": list(piece.kind.key), "write_disposition": "merge"}
        if piece.kind == "operations":
            return {"primary_key": "id", "write_disposition": "merge", "columns": _LATER_COUNTS}
        if self._current is not None:
            return {"primary_key": list(KEY), "write_disposition": "merge"}
        return {"merge_key": "id", "write_disposition": _STATES_FOLLOW}
