"""The order of the runs: all participants once per round, so that noise affects all equally."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench.measuring import Command, Measured, measure
from tests.bench.participants import Outcome, Participant
from tests.bench.servers import Offer, Served, Servers, cpu_seconds

TRIAL_OPERATIONS: Final = 10_000
MAX_SECONDS: Final = 300
"""A participant that would take longer for all operations, according to a trial, reads fewer."""

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One cold process of one participant."""

    measured: Measured
    server_cpu_seconds: float | None
    """The CPU seconds of the sandbox during the run; None if they are not known."""
    outcome: Outcome | None
    wrong: str | None
    """Why the run is not valid; None if it is."""


@dataclass(kw_only=True)
class Entry:
    """A participant, the operations it reads, and its runs so far."""

    participant: Participant
    operations: int
    """As requested; the sandbox may have a few more or less."""
    runs: list[Run] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The options of a benchmark."""

    operations: int
    slow_operations: int
    repeat: int
    limit: float
    """The number of seconds after which a run is ended."""


def play(
    *, participants: Sequence[Participant], terms: Terms, servers: Servers, log: Log
) -> list[Entry]:
    """Run all participants as often as the terms require."""
    entries = [_enter(one, terms=terms, servers=servers, log=log) for one in participants]
    for operations in dict.fromkeys(entry.operations for entry in entries):
        log(f"rendering {operations:,} operations")
        servers.of(Offer(operations))
    for number in range(1, terms.repeat + 1):
        for entry in entries:
            served = servers.of(Offer(entry.operations))
            entry.runs.append(run_once(entry.participant, served=served, limit=terms.limit))
            log(f"round {number}, {entry.participant.name}: {_in_short(entry.runs[-1])}")
    return entries


def run_once(participant: Participant, *, served: Served, limit: float) -> Run:
    """One run in an empty folder, which is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="comms-bench-") as scratch:
        folder, logs = Path(scratch, "run"), Path(scratch, "logs")
        folder.mkdir()
        logs.mkdir()
        command = participant.command(served=served, folder=folder)
        measured, server = _watched(command, served=served, logs=logs, limit=limit)
        outcome, wrong = _judge(participant, measured, folder=folder, rows=served.rows)
    return Run(measured=measured, server_cpu_seconds=server, outcome=outcome, wrong=wrong)


def _enter(participant: Participant, *, terms: Terms, servers: Servers, log: Log) -> Entry:
    fewer = min(terms.slow_operations, terms.operations)
    slow = participant.size == "slow"
    if participant.size == "trial" and terms.operations > TRIAL_OPERATIONS:
        trial = run_once(participant, served=servers.of(Offer(TRIAL_OPERATIONS)), limit=terms.limit)
        log(f"trial, {participant.name}: {_in_short(trial)}")
        whole = trial.measured.seconds * terms.operations / TRIAL_OPERATIONS
        slow = whole > MAX_SECONDS
    return Entry(participant=participant, operations=fewer if slow else terms.operations)


def _watched(
    command: Command, *, served: Served, logs: Path, limit: float
) -> tuple[Measured, float | None]:
    """The command's figures, and the server's CPU seconds meanwhile."""
    before = cpu_seconds(served.pid)
    measured = measure(command, logs=logs, limit=limit)
    after = cpu_seconds(served.pid)
    return measured, None if before is None or after is None else after - before


def _judge(
    participant: Participant, measured: Measured, *, folder: Path, rows: int
) -> tuple[Outcome | None, str | None]:
    """The outcome of the run, and why it is not valid, if it is not."""
    if measured.overdue:
        return None, f"was ended after {measured.seconds:,.0f} s; increase --limit"
    if measured.status:
        return None, f"ended with status {measured.status}: {_last_line(measured)}"
    try:
        outcome = participant.outcome(output=measured.output, folder=folder)
    except (ValueError, KeyError, TypeError, subprocess.CalledProcessError) as error:
        return None, f"its result cannot be read ({error}): {_last_line(measured)}"
    wrong = None if outcome.rows == rows else f"read {outcome.rows:,} of {rows:,} operations"
    return outcome, wrong


def _last_line(measured: Measured) -> str:
    lines = (measured.errors.strip() or measured.output.strip()).splitlines()
    return lines[-1].strip()[:200] if lines else "it printed nothing"


def _in_short(run: Run) -> str:
    return f"ERROR, {run.wrong}" if run.wrong else f"{run.measured.seconds:.2f} s"
