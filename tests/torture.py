"""Kills a first load at random moments, with SIGKILL, and checks that nothing was lost.

Run it with `make torture`. Each round starts a load in an empty folder, kills it, loads the pending
packages, counts the rows, and loads again: nothing may be lost or duplicated, and stored rows may
not be read again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from comms_source.channels import CHANNELS
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Clock, Sandbox, SandboxSettings
from tests.support import FILE, last_second

LOAD: Final = "from comms_source.cli import main; main()"
FINISH: Final = """
from comms_source.destinations.crash_recovery import finish_pending
from comms_source.destinations.pipeline import open_pipeline
finish_pending(open_pipeline())
"""
YOUNG: Final = 0.03
"""The share of rows in windows that a later run reads again in any case."""


@dataclass(frozen=True, slots=True)
class Round:
    """The result of one kill."""

    after: float
    """Seconds until the kill."""
    kept: int
    """Rows in the warehouse before the second load."""
    read_again: int
    """Rows that the second load read again."""
    requests: tuple[int, int]
    """Of the first load and the second."""
    lost: int
    doubled: int


def main() -> None:
    """Kill `--kills` loads, and print each round and the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--commit-pages", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    clock = Clock(last_second())
    settings = SandboxSettings(operations_per_week=options.operations // 3)
    with Sandbox(settings, clock) as sandbox:
        truth = {name: {row["id"] for row in sandbox.truth(name)} for name in CHANNELS}
        longest = _whole_load(sandbox, options.commit_pages)
        print(f"a load without a kill takes {longest:.1f} s", flush=True)  # noqa: T201
        rounds = []
        for _ in range(options.kills):
            rounds.append(
                _round(sandbox, truth, chance.uniform(0.3, longest), options.commit_pages)
            )
            print(rounds[-1], flush=True)  # noqa: T201
    _judge(rounds, rows=sum(map(len, truth.values())))


def _whole_load(sandbox: Sandbox, commit_pages: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        subprocess.run(
            [sys.executable, "-c", LOAD, "load"],
            cwd=folder,
            env=_environment(sandbox, folder, commit_pages),
            check=True,
            capture_output=True,
        )
        return time.monotonic() - began


def _round(sandbox: Sandbox, truth: dict[str, set[str]], after: float, commit_pages: int) -> Round:
    with tempfile.TemporaryDirectory() as folder:
        environment = _environment(sandbox, folder, commit_pages)
        sandbox.requests.clear()
        with subprocess.Popen(
            [sys.executable, "-c", LOAD, "load"],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as loading:
            try:
                loading.wait(after)
            except subprocess.TimeoutExpired:
                loading.kill()
        first = len(sandbox.requests)
        _python(FINISH, folder, environment)
        kept = sum(Counter(_ids(Path(folder), name)).total() for name in CHANNELS)
        sandbox.requests.clear()
        summary = json.loads(_python(LOAD, folder, environment, "load", "--json"))
        return _compare(Path(folder), truth, summary, after=after, kept=kept, first=first)


def _compare(
    folder: Path,
    truth: dict[str, set[str]],
    summary: dict[str, Any],
    *,
    after: float,
    kept: int,
    first: int,
) -> Round:
    lost = doubled = 0
    for name, ids in truth.items():
        there = Counter(_ids(folder, name))
        lost += len(ids - there.keys())
        doubled += sum(count - 1 for count in there.values())
    total = sum(map(len, truth.values()))
    return Round(
        after=round(after, 2),
        kept=kept,
        read_again=max(0, summary["operations"] + kept - total),
        requests=(first, summary["requests"]),
        lost=lost,
        doubled=doubled,
    )


def _ids(folder: Path, channel: str) -> list[str]:
    if not (folder / FILE).exists():
        return []
    with duckdb.connect(str(folder / FILE), read_only=True) as connection:
        try:
            rows = connection.execute(f"select id from comms.{CHANNELS[channel].table}").fetchall()
        except duckdb.CatalogException:
            return []
    return [row[0] for row in rows]


def _python(code: str, folder: str, environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def _environment(sandbox: Sandbox, folder: str, commit_pages: int) -> dict[str, str]:
    return os.environ | {
        "DLT_DATA_DIR": f"{folder}/dlt",
        "TWILIO_ACCOUNT_SID": ACCOUNT_ID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "SOURCES__COMMS_SOURCE__BASE_URL": sandbox.url,
        "SOURCES__COMMS_SOURCE__COMMIT_PAGES": str(commit_pages),
        "PYTHONPATH": str(Path(__file__).parent.parent),
    }


def _judge(rounds: list[Round], *, rows: int) -> None:
    lost, doubled = sum(r.lost for r in rounds), sum(r.doubled for r in rounds)
    again = max(r.read_again for r in rounds)
    midway = sum(0 < r.kept < rows for r in rounds)
    print(  # noqa: T201
        f"{len(rounds)} kills, {midway} of them midway: {lost} lost, {doubled} duplicates; at most "
        f"{again:,} of {rows:,} stored rows were read again"
    )
    sys.exit(bool(lost or doubled or again > YOUNG * rows))


if __name__ == "__main__":
    main()
