"""Plays one seed from beginning to end.

Run it to replay: `python -m tests.simulation.play SEED [SEEDS]`.
"""

from __future__ import annotations

import logging
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from comms_source.errors import RunStopped
from comms_source.session import Session
from tests.simulation.histories import look_back
from tests.simulation.laws import LawBroken, Witness
from tests.simulation.machines import HISTORY, Machine, MemoryMachine
from tests.simulation.world import BEGINNING, Crash, Weather, World, everything, habits


@dataclass(slots=True)
class Played:
    """What a seed was."""

    days: float
    runs: int
    crashes: int
    requests: int
    gaps: int


def play(seed: int, make: Callable[[random.Random], Machine] = MemoryMachine) -> Played:
    """Live through `seed` on a machine and check every law after every run.

    Raises:
        LawBroken: with the seed, if one does not hold.
    """
    chance = random.Random(seed)
    world = World(seed, chance, habits(chance))
    end = BEGINNING + timedelta(days=world.habits.days)
    sent = everything(world, until=end + timedelta(days=9))
    machine = make(chance)
    witness = Witness(world, sent)
    runs = crashes = 0
    while world.clock.now() < end:
        _change_weather(world, machine)
        session = world.session()
        runs += 1
        witness.run_starts.append(session.now)
        complete = _run(machine, session)
        crashes += complete is None
        if complete:
            witness.complete_runs.append((session.now, world.clock.now()))
        with _named(seed, runs):
            witness.look(machine, complete=bool(complete), now=session.now)
        _rest(world, machine)
    with _named(seed, runs):
        look_back(machine.rows(HISTORY), witness)
    days = (world.clock.now() - BEGINNING).total_seconds() / 86400
    return Played(days, runs, crashes, world.asked, len(machine.rows("gaps")))


@contextmanager
def _named(seed: int, run: int) -> Iterator[None]:
    """Say where a law was broken."""
    try:
        yield
    except LawBroken as broken:
        raise LawBroken(f"seed {seed}, run {run}: {broken}") from None


def _run(machine: Machine, session: Session) -> bool | None:
    """Whether a run was complete; None if it died."""
    try:
        return machine.run(session)
    except Crash:
        return None
    except RunStopped:
        return False


def _change_weather(world: World, machine: Machine) -> None:
    chance, trouble = world.chance, world.habits.trouble
    bad = chance.random() < trouble
    world.weather = Weather(
        outage=bad and chance.random() < 0.2,
        failing=chance.choice([0.0, 0.1, 0.5]) if bad else 0.0,
        busy=chance.choice([0.0, 0.2]) if bad else 0.0,
        crash_after=chance.randrange(12) if bad and chance.random() < 0.3 else None,
    )
    machine.dies = chance.choice([0.0, 0.1]) if bad else 0.0
    machine.unloadable = 0.2 if bad else 0.0


def _rest(world: World, machine: Machine) -> None:
    """Time passes until the next run; now and then days pass, or another machine takes over."""
    chance = world.chance
    hours = chance.uniform(*world.habits.interval)
    if chance.random() < 0.15:
        hours = chance.uniform(1 / 12, 1)
    if chance.random() < 0.1 * world.habits.trouble:
        hours = chance.uniform(24, 24 * 11)
    if chance.random() < 0.05:
        machine.move()
    world.clock.advance(timedelta(hours=hours))


def main() -> None:
    """Play the seeds that the command line names, and say how fast that was."""
    logging.getLogger("comms_source").setLevel(logging.ERROR)
    first = int(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    began, days, runs, crashes, gaps, broken = time.monotonic(), 0.0, 0, 0, 0, 0
    for seed in range(first, first + count):
        try:
            played = play(seed)
        except LawBroken as law:
            broken += 1
            print(law)  # noqa: T201 - this is what it is for
            continue
        days, runs = days + played.days, runs + played.runs
        crashes, gaps = crashes + played.crashes, gaps + played.gaps
    seconds = time.monotonic() - began
    print(  # noqa: T201
        f"{count} seeds, {days:,.0f} virtual days, {runs:,} runs, {crashes:,} of them died, "
        f"{gaps:,} gaps, {broken} broken, in {seconds:.1f} s: {count / seconds:.1f} seeds "
        f"and {days / seconds:,.0f} days a second"
    )
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
