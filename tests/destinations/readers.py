"""Eight processes read a warehouse during a load of 100,000 operations.

Run it with `make readers`. Each reader repeats one statement: for each channel, the number of
operations in its table and the sums of its view `daily_delivery`. A reader must see a channel's
table only as a load package has left it, and a view must always agree with its tables.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import dlt
import duckdb
import psycopg2  # type: ignore[import-untyped]

from comms_source.channels import CHANNELS
from comms_source.commands.load import run_load
from comms_source.destinations.commit import commit
from comms_source.destinations.pipeline import open_pipeline
from comms_source.sandbox import Clock, Sandbox, SandboxSettings
from tests.destinations.places import PLACES, Environment, configured, installed_home
from tests.postgres import running_postgres
from tests.support import NOW, session_for

DAY: Final = timedelta(days=1)
COUNTS: Final = " union all ".join(
    f"select '{channel.name}' as channel, count(*) as n, sum(sent) as d from {{}}{channel.table}"
    for channel in CHANNELS.values()
)
BOTH: Final = f"""
select t.channel, t.n, coalesce(t.d, 0), coalesce(v.n, 0), coalesce(v.d, 0)
from ({COUNTS}) as t left join (
    select channel, sum(operations) as n, sum(api_sent) as d
    from {{}}daily_delivery group by channel
) as v on t.channel = v.channel
order by t.channel
"""

Ask = Callable[[str], Sequence[tuple[Any, ...]]]
State = tuple[int, int]
"""The number of operations, and the sum of their counter `sent`."""


@dataclass
class Seen:
    """What one reader saw."""

    reads: int = 0
    errors: list[str] = field(default_factory=list)
    mismatches: int = 0
    """Reads in which a view differed from its tables."""
    states: dict[str, set[State]] = field(default_factory=dict)
    """The states of each channel that were seen."""
    together: set[tuple[State, ...]] = field(default_factory=set)
    """The states of all channels that were seen in one statement."""

    def note(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Record one read."""
        self.reads += 1
        for channel, *numbers in rows:
            n, d, shown_n, shown_d = map(int, numbers)
            self.mismatches += (n, d) != (shown_n, shown_d)
            self.states.setdefault(channel, set()).add((n, d))
        self.together.add(tuple((int(row[1]), int(row[2])) for row in rows))


def read_until(opened: Opener, place: Any, ready: Any, stop: Event, queue: Any) -> None:
    """Read until `stop` is set, and put what was seen into the queue."""
    seen = Seen()
    with opened(place) as ask:
        while not stop.is_set():
            try:
                seen.note(ask(BOTH.replace("{}", "comms.")))
            except Exception as error:  # noqa: BLE001 - any error is a result
                seen.errors.append(f"{type(error).__name__}: {error}")
            ready.release()
    queue.put(seen)


@contextmanager
def postgres_reader(url: str) -> Iterator[Ask]:
    """Query PostgreSQL, as psql does."""
    connection = psycopg2.connect(url)
    connection.autocommit = True

    def ask(query: str) -> Sequence[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(query)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    yield ask
    connection.close()


@contextmanager
def ducklake_reader(url: str) -> Iterator[Ask]:
    """Query a DuckLake that is attached to a DuckDB."""
    connection = duckdb.connect()
    connection.execute(
        f"attach 'ducklake:postgres:{url}' as lake (metadata_schema 'ducklake', read_only)"
    )
    connection.execute("use lake")
    yield lambda query: connection.execute(query).fetchall()
    connection.close()


Opener = Callable[[Any], Any]
OPENERS: Final[dict[str, Opener]] = {
    "postgres": postgres_reader,
    "ducklake-postgres": ducklake_reader,
}


def watched(
    name: str, *, operations: int, readers: int, environment: Environment, home: Path
) -> tuple[list[Seen], dict[str, set[State]], list[str]]:
    """Load twice while readers read; return what they saw, what was committed, and the figures."""
    place = PLACES[name]
    settings = dict(place.settings(environment))
    figures = []
    with configured(settings, folder=environment.folder, home=home):
        pipeline = open_pipeline(destination=place.destination)
        _load(0, pipeline, clock=Clock(NOW))
        url = environment.postgres.url(f"of-{name}") if environment.postgres else ""
        committed = Committed(OPENERS[name], url)
        with reading(OPENERS[name], url, readers) as seen:
            clock = Clock(NOW + timedelta(minutes=1))
            for what in ("first", "again a day later"):
                began = time.monotonic()
                packages = _load(operations, pipeline, clock=clock, committed=committed)
                took = time.monotonic() - began
                figures.append(f"{what}: {packages} packages in {took:.0f} s")
                clock.advance(DAY)
    return seen, committed.states, figures


class Committed:
    """The committed states, recorded after each load package."""

    def __init__(self, opened: Opener, url: str) -> None:
        """Record the first states."""
        self._opened, self._url = opened, url
        self.states: dict[str, set[State]] = {}
        self.look()

    def look(self) -> None:
        """Record the current states."""
        with self._opened(self._url) as ask:
            for channel, n, d, *_ in ask(BOTH.replace("{}", "comms.")):
                self.states.setdefault(channel, set()).add((int(n), int(d)))


def _load(
    operations: int, pipeline: dlt.Pipeline, *, clock: Clock, committed: Committed | None = None
) -> int:
    """Run a load, and return the number of its packages."""
    packages = 0

    def committing(*given: Any) -> Any:
        nonlocal packages
        load_ids = commit(*given)
        packages += 1
        if committed:
            committed.look()
        return load_ids

    weekly = SandboxSettings(operations_per_week=operations // len(CHANNELS))
    with patch("comms_source.commands.run.commit", committing), Sandbox(weekly, clock) as sandbox:
        session = session_for(sandbox, refresh="full", commit_pages=25)
        assert run_load(session=session, pipeline=pipeline).exit_code == 0
    return packages


@contextmanager
def reading(opened: Opener, place: Any, readers: int) -> Iterator[list[Seen]]:
    """Run readers during the block; the list has what they saw after it."""
    context = get_context("spawn")
    stop, queue, ready = context.Event(), context.Queue(), context.Semaphore(0)
    arguments = (opened, place, ready, stop, queue)
    processes = [context.Process(target=read_until, args=arguments) for _ in range(readers)]
    seen: list[Seen] = []
    for process in processes:
        process.start()
    try:
        for _ in processes:
            assert ready.acquire(timeout=120)
        yield seen
        stop.set()
        seen += [queue.get(timeout=120) for _ in processes]
    finally:
        for process in processes:
            process.kill()


def main() -> None:
    """Test each destination, print what readers saw, and fail if it was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--place", action="append", choices=OPENERS)
    options = parser.parse_args()
    wrong = 0
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres())
        top = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home = installed_home(top / "home")
        for name in options.place or OPENERS:
            environment = Environment(name=name, folder=top / name, postgres=postgres)
            result = watched(
                name,
                operations=options.operations,
                readers=options.readers,
                environment=environment,
                home=home,
            )
            wrong += print_result(name, *result)
    sys.exit(bool(wrong))


def print_result(
    name: str, seen: Sequence[Seen], committed: dict[str, set[State]], figures: Sequence[str]
) -> int:
    """Print what readers saw, and return the number of wrong reads and states."""
    errors = [error for each in seen for error in each.errors]
    mismatches = sum(each.mismatches for each in seen)
    states = {c: set.union(*(each.states[c] for each in seen)) for c in committed}
    unexpected = {c: states[c] - committed[c] for c in committed}
    lines = [
        f"{name}: {'; '.join(figures)}",
        f"{len(seen)} readers, {sum(each.reads for each in seen)} reads, {len(errors)} errors",
        f"views that differed from their tables: {mismatches}",
        *(
            f"{channel}: {len(of_it)} states seen of {len(committed[channel])} committed, "
            f"{len(unexpected[channel])} that no package had left"
            for channel, of_it in states.items()
        ),
        f"{len(set.union(*(each.together for each in seen)))} states of all channels together",
        *errors[:3],
    ]
    print("\n  ".join(lines), flush=True)  # noqa: T201
    return len(errors) + mismatches + sum(map(len, unexpected.values()))


if __name__ == "__main__":
    main()
