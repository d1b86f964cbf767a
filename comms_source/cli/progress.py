"""The progress of a run: bars on a terminal, else a line from time to time.

Where a terminal has no room for bars, times or some of the counts, they are left out, not cut.
"""

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
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from comms_source.extract.run_stats import ChannelStats, RunStats, Watcher
from comms_source.report.wording import brief_count, seconds
from comms_source.words import counted

SECONDS_BETWEEN_LINES: Final = 10.0
NAME: Final = 18
"""The length of the longest name of a channel."""
BAR: Final = 10
TIMES: Final = len(" 0:00:00 left 0:00:00")
WITH_BARS: Final = 80
WITH_TIMES: Final = 100
"""From which width on there are bars, and times."""


@contextmanager
def watching() -> Iterator[Watcher]:
    """Yield a watcher that shows the progress of a run on standard error."""
    if not sys.stderr.isatty():
        yield _Lines().show
        return
    console = Console(stderr=True)
    bars = [BarColumn(BAR)] if console.width >= WITH_BARS else []
    times: list[ProgressColumn] = []
    if console.width >= WITH_TIMES:
        times = [TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()]
    room = console.width - NAME - 1 - (BAR + 1) * len(bars) - (TIMES if times else 0)
    name, state = TextColumn(f"{{task.description:<{NAME}}}"), TextColumn("{task.fields[state]}")
    with Progress(name, *bars, state, *times, console=console, transient=True) as progress:
        yield _Bars(progress, room=room).show


def described(record: ChannelStats, *, room: int = 100) -> str:
    """The progress of one channel, as much of it as there is room for; details come last."""
    if details := record.details.planned:
        number = f"{record.details.ended:,} of {details:,}"
        form = f"details of {number} operations"
        return form if len(form) <= room else number
    number = brief_count(record.operations, most=10**8)
    operations = f"{number} {'operation' if record.operations == 1 else 'operations'}"
    pages = counted(record.pages, "page")
    scans = f"{record.scans_done:,} of {counted(record.scans, 'scan')}"
    forms = (f"{operations}, {pages}, {scans}", f"{operations}, {scans}", operations)
    return next((form for form in forms if len(form) <= room), number)


def time_left(record: ChannelStats, *, passed: float) -> str:
    """An estimate of the time left, from the scans done in the seconds that have passed."""
    if not record.scans_done or record.details.planned:
        return ""
    left = (record.scans - record.scans_done - len(record.failures)) * passed
    return f", about {seconds(left / record.scans_done)} left"


class _Bars:
    def __init__(self, progress: Progress, *, room: int) -> None:
        self._progress = progress
        self._room = room
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def show(self, stats: RunStats) -> None:
        with self._lock:
            for name, record in stats.channels.items():
                task = self._tasks.get(name)
                if task is None:
                    task = self._tasks[name] = self._progress.add_task(name, state="")
                ended, total = record.scans_done + len(record.failures), record.scans
                if record.details.planned:
                    ended, total = record.details.ended, record.details.planned
                state = described(record, room=self._room)
                self._progress.update(task, total=total, completed=ended, state=state)


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
            left = time_left(record, passed=time.monotonic() - self._began)
            typer.echo(f"{name}: {described(record)}{left}", err=True)
