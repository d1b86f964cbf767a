"""The progress of a run: bars on a terminal, else a line from time to time."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from comms_source.extract.run_stats import ChannelStats, RunStats, Watcher

SECONDS_BETWEEN_LINES: Final = 10.0


@contextmanager
def watching() -> Iterator[Watcher]:
    """Yield a watcher that shows the progress of a run on standard error."""
    if not sys.stderr.isatty():
        yield _Lines().show
        return
    with Progress(
        TextColumn("{task.description:<20}"),
        BarColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        yield _Bars(progress).show


def described(record: ChannelStats) -> str:
    """The progress of one channel."""
    return (
        f"{record.operations:,} operations, {record.pages:,} pages, "
        f"{record.scans_done} of {record.scans} scans"
    )


def time_left(record: ChannelStats, *, seconds: float) -> str:
    """An estimate of the time left, from the scans done in the first `seconds`."""
    if not record.scans_done:
        return ""
    left = (record.scans - record.scans_done - len(record.failures)) * seconds
    minutes, rest = divmod(round(left / record.scans_done), 60)
    return f", about {minutes} min {rest} s left" if minutes else f", about {rest} s left"


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def show(self, stats: RunStats) -> None:
        with self._lock:
            for name, record in stats.channels.items():
                task = self._tasks.get(name)
                if task is None:
                    task = self._tasks[name] = self._progress.add_task(name, state="")
                ended = record.scans_done + len(record.failures)
                self._progress.update(
                    task, total=record.scans, completed=ended, state=described(record)
                )


class _Lines:
    def __init__(self) -> None:
        self._began = time.monotonic()
        self._next = self._began + SECONDS_BETWEEN_LINES
        self._lock = threading.Lock()

    def show(self, stats: RunStats) -> None:
        with self._lock:
            if time.monotonic() < self._next:
                return
            self._next = time.monotonic() + SECONDS_BETWEEN_LINES
        for name, record in stats.channels.items():
            left = time_left(record, seconds=time.monotonic() - self._began)
            typer.echo(f"{name}: {described(record)}{left}", err=True)
