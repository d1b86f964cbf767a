"""Read the three lists with the minimum of work, as the baseline for all other participants.

Eight threads fetch pages and write their bytes into files. Then DuckDB parses the files with its
own JSON reader into one table per list, one row per id. Nothing else is done: no retries, no state,
no merge into existing rows, no validation.

The lists are read from seven days before a fixed time up to it, in eight ranges each, so that pages
can be fetched in parallel. The time is `BENCH_NOW` of the environment, in ISO 8601.

    python floor.py URL USER PASSWORD FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import duckdb
import httpx

LISTS = ("Messages", "Emails", "PushNotifications")
THREADS = 8
RANGES = 8
DAYS = 7
NOW = "2026-11-20T12:00:30Z"
LARGEST_PAGE_BYTES = 100_000_000
TIMEOUT_SECONDS = 60

TABLE = """
    create table {name} as
    select distinct on (one.id)
        one.id,
        one.status,
        one.createdAt::timestamptz as created_at,
        one.updatedAt::timestamptz as updated_at,
        unnest(one.stats)
    from (
        select unnest(operations) as one
        from read_json('{pages}', maximum_object_size = {largest})
    )
"""


@dataclass(frozen=True)
class Scan:
    """One range of creation time of one list, with the names of its files."""

    name: str
    number: int
    start: datetime
    end: datetime


def scans(now: datetime) -> Iterator[Scan]:
    """Divide the days before `now` into adjoining ranges, for each list."""
    # Operations in the second of `now` are listed, and a range excludes its end.
    end = now + timedelta(seconds=1)
    width = timedelta(days=DAYS) / RANGES
    edges = [end - width * k for k in range(RANGES, -1, -1)]
    for name in LISTS:
        for number in range(RANGES):
            yield Scan(name, number, edges[number], edges[number + 1])


def fetch(client: httpx.Client, scan: Scan, pages: Path) -> None:
    """Write each page of `scan` to its own file, unchanged."""
    parameters = {"pageSize": "1000", "startDate": iso(scan.start), "endDate": iso(scan.end)}
    number = 0
    while True:
        answer = client.get(f"{scan.name}/Operations", params=parameters).raise_for_status()
        (pages / f"{scan.name}-{scan.number}-{number}.json").write_bytes(answer.content)
        token = next_token(answer.content)
        if not token:
            return
        parameters["pageToken"] = token
        number += 1


def next_token(page: bytes) -> str | None:
    """Find the token of the next page in the last member of the page, without parsing the rest."""
    mark = b'"pagination":'
    token: str | None = json.loads(page[page.rindex(mark) + len(mark) : -1])["next"]
    return token


def iso(instant: datetime) -> str:
    """Format an instant in UTC for the API, in whole seconds."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def load(database: duckdb.DuckDBPyConnection, name: str, pages: Path) -> int:
    """Create the table of one list from its files, and count its rows."""
    files = f"{pages}/{name}-*.json"
    database.execute(TABLE.format(name=name, pages=files, largest=LARGEST_PAGE_BYTES))
    return database.table(name).shape[0]


def main(url: str, user: str, password: str, folder: str) -> None:
    """Load the three lists below `folder` and print what was written."""
    home = Path(folder)
    pages = home / "pages"
    pages.mkdir(parents=True, exist_ok=True)
    now = datetime.fromisoformat(os.environ.get("BENCH_NOW", NOW))

    with (
        httpx.Client(
            base_url=url,
            auth=(user, password),
            timeout=TIMEOUT_SECONDS,
            limits=httpx.Limits(max_connections=THREADS),
        ) as client,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        list(threads.map(lambda scan: fetch(client, scan, pages), scans(now)))

    with duckdb.connect(home / "floor.duckdb") as database:
        rows = sum(load(database, name, pages) for name in LISTS)
    print(  # noqa: T201
        json.dumps(
            {"rows": rows, "versions": {name: version(name) for name in ("duckdb", "httpx")}}
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:5])
