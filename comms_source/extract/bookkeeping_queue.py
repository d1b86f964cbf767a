"""Rows that are gathered while the channels of a load package are read, for other resources."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from comms_source.tables.specs import Piece, TableSpec


class PackageRecords:
    """A queue from the channels, each on a thread of its own, to one resource."""

    def __init__(self, channels: Collection[str], specs: Collection[TableSpec]) -> None:
        """Wait for the channels of these names, and take the rows of these tables."""
        self._reading = set(channels)
        self._specs = specs
        self._unfinished: set[str] = set()
        self.stopped = False
        """Whether a channel was stopped before it had left."""
        self._pieces: deque[Piece] = deque()

    @property
    def complete(self) -> bool:
        """Whether every channel has left."""
        return not self._reading

    @property
    def running(self) -> bool:
        """Whether a channel goes on in the next package."""
        return bool(self._unfinished)

    def put(self, piece: Piece) -> None:
        """Hand on rows, if they are of one of the tables."""
        if piece.rows.num_rows and piece.spec in self._specs:
            self._pieces.append(piece)

    def leave(self, channel: str, pieces: Iterable[Piece], *, done: bool) -> None:
        """Note the last rows of a channel; `done` if it is not read in the next package."""
        for piece in pieces:
            self.put(piece)
        if not done:
            self._unfinished.add(channel)
        self._reading.discard(channel)  # Last: from here on nothing more is waited for.

    def stop(self, channel: str) -> None:
        """Wait for a channel no longer, whether it has left or not."""
        self.stopped = self.stopped or channel in self._reading
        self._reading.discard(channel)

    def taken(self) -> Iterator[Piece]:
        """The rows that are there, each once."""
        while self._pieces:
            yield self._pieces.popleft()


@dataclass(frozen=True, slots=True)
class PackageQueues:
    """The queues of a load package."""

    by_parent: Mapping[str, PackageRecords]
    """By the name of the resource that takes the rows."""

    @property
    def complete(self) -> bool:
        """Whether there are queues, and every channel has left each of them."""
        return bool(self.by_parent) and all(each.complete for each in self.by_parent.values())

    def put(self, piece: Piece) -> None:
        """Hand on rows to those that take them."""
        for queue in self.by_parent.values():
            queue.put(piece)

    def leave(self, channel: str, pieces: Sequence[Piece], *, done: bool) -> None:
        """Note the last rows of a channel; `done` if it is not read in the next package."""
        for queue in self.by_parent.values():
            queue.leave(channel, pieces, done=done)

    def stop(self, channel: str) -> None:
        """Wait for a channel no longer."""
        for queue in self.by_parent.values():
            queue.stop(channel)
