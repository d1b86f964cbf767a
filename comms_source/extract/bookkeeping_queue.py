"""Rows for the bookkeeping tables of one load package, gathered while its channels are read."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator

from comms_source.tables.specs import Piece


class PackageRecords:
    """A queue from the channels, each on a thread of its own, to the bookkeeping."""

    def __init__(self, channels: Collection[str]) -> None:
        """Wait for the channels of these names."""
        self._reading = set(channels)
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
        """Hand on rows of a bookkeeping table."""
        if piece.rows.num_rows:
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
