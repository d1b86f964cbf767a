"""Simulates one seed from beginning to end.

Run it to replay: `python -m tests.simulation.play SEED [SEEDS]`.
"""

from __future__ import annotations

import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from comms_source.errors import RunStopped
from comms_source.extract.session import Session
from comms_source.timespans import SECOND, align_down
from tests.simulation.details_habits import add_details, faults_of_run
from tests.simulation.details_laws import DetailsWitness
from tests.simulation.histories import check_histories
from tests.simulation.laws import LawBroken, Witness
from tests.simulation.machines import HISTORY, Machine, MemoryMachine
from tests.simulation.world import BEGINNING, CHANNEL, Crash, Weather, World, everything, habits

JUMPS = tuple(timedelta(days=days) for days in (-2, 2, 30))
"""By how much a clock may be wrong."""


@dataclass(slots=True)
class Played:
    """The figures of a simulated seed."""

    days: float
    runs: int
    crashes: int
    requests: int
    gaps: int
    details: Counter[str] | None
    """How often the laws of details compared something; None without details."""


def play(seed: int, make: Callable[[random.Random], Machine] = MemoryMachine) -> Played:
    """Simulate `seed` on a machine, and check every law after every run.

    Raises:
        LawBroken: with the seed, if one does not hold.
    """
    chance = random.Random(seed)
    manners = habits(chance)
    add_details(manners, seed)
    world = World(seed, chance, manners)
    end = BEGINNING + timedelta(days=world.habits.days)
    sent = everything(world, until=end + timedelta(days=9))
    machine = make(chance)
    machine.package = manners.package
    witness = Witness(world, sent)
    details = DetailsWitness(world, {op.id: op for op in sent}) if manners.details else None
    runs = crashes = 0
    while world.clock.now() < end:
        _change_weather(world, machine, first_was_seen=bool(witness.complete_runs))
        session, now = world.session(), align_down(world.clock.now(), SECOND)
        runs += 1
        witness.run_starts.append(now)
        complete = _run(machine, session)
        witness.run_ends.append(world.clock.now())
        crashes += complete is None
        witness.died = complete is None
        if world.weather.dateless and world.weather.ahead:
            witness.has_correct_dates = False
        # Without the API's time a run guarantees less.
        promises = complete and not world.weather.dateless
        if promises:
            witness.complete_runs.append((now, world.clock.now()))
            witness.first_end = world.clock.now() if runs == 1 else witness.first_end
        with _named(seed, runs):
            witness.check(machine, complete=bool(promises), now=now)
            if details is not None:
                details.check(
                    machine,
                    complete=bool(promises),
                    dated=witness.has_correct_dates,
                    now=now,
                    stats=session.stats.channel(CHANNEL).details,
                )
        if _rest(world, machine, witness) and details is not None:
            details.restored(machine)
    with _named(seed, runs):
        check_histories(machine.rows(HISTORY), witness)
    days = (world.clock.now() - BEGINNING).total_seconds() / 86400
    figures = None if details is None else details.figures
    return Played(days, runs, crashes, world.requests, len(machine.rows("gaps")), figures)


@contextmanager
def _named(seed: int, run: int) -> Iterator[None]:
    """Add the seed and the run to the error."""
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


def _change_weather(world: World, machine: Machine, *, first_was_seen: bool) -> None:
    chance, trouble = world.chance, world.habits.trouble
    bad = chance.random() < trouble
    world.weather = Weather(
        outage=bad and chance.random() < 0.2,
        failing=chance.choice([0.0, 0.1, 0.5]) if bad else 0.0,
        busy=chance.choice([0.0, 0.2]) if bad else 0.0,
        crash_after=chance.randrange(12) if bad and chance.random() < 0.3 else None,
        dateless=bad and chance.random() < 0.2,
        seconds=chance.choice([2.0, 2.0, 2.0, 60.0, 600.0]),
        ahead=chance.choice(JUMPS) if bad and chance.random() < 0.3 else timedelta(0),
    )
    if world.habits.details:
        world.weather.faults = faults_of_run(chance, trouble=trouble)
        machine.hazard = 0.1 if chance.random() < trouble else 0.0
    if not first_was_seen:
        # Before the first read nothing could show that a clock is wrong.
        world.weather.dateless = False
    machine.dies = chance.choice([0.0, 0.1]) if bad else 0.0
    machine.unloadable = 0.2 if bad else 0.0
    machine.fails = chance.choice([0.0, 0.3]) if bad else 0.0


def _rest(world: World, machine: Machine, witness: Witness) -> bool:
    """Let time pass until the next run: sometimes days, and sometimes on another machine.

    Backups are made, and restored after at most a week; and the setting `window` changes. Returns
    whether a backup was restored.
    """
    chance, restored = world.chance, False
    if world.habits.widths and chance.random() < 0.2:
        world.habits.settings["window"] = chance.choice(world.habits.widths)
    if world.habits.restores:
        if chance.random() < 0.2:
            machine.back_up()
        elif chance.random() < 0.15 and machine.restore():
            witness.restored(machine)
            restored = True
    hours = chance.uniform(*world.habits.interval)
    if chance.random() < 0.15:
        hours = chance.uniform(1 / 12, 1)
    if chance.random() < 0.1 * world.habits.trouble:
        hours = chance.uniform(24, 24 * 11)
    if chance.random() < 0.05:
        machine.move()
    world.clock.advance(timedelta(hours=hours))
    return restored


def main() -> None:
    """Simulate the seeds on the command line, and print the speed."""
    logging.getLogger("comms_source").setLevel(logging.ERROR)
    first = int(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    began, days, runs, crashes, gaps, broken = time.monotonic(), 0.0, 0, 0, 0, 0
    details: Counter[str] = Counter()
    for seed in range(first, first + count):
        try:
            played = play(seed)
        except LawBroken as law:
            broken += 1
            print(law)  # noqa: T201 - a script
            continue
        days, runs = days + played.days, runs + played.runs
        crashes, gaps = crashes + played.crashes, gaps + played.gaps
        if played.details is not None:
            details.update(played.details, seeds=1)
    seconds = time.monotonic() - began
    print(  # noqa: T201
        f"{count} seeds, {days:,.0f} virtual days, {runs:,} runs, {crashes:,} of them died, "
        f"{gaps:,} gaps, {broken} broken, in {seconds:.1f} s: {count / seconds:.1f} seeds "
        f"and {days / seconds:,.0f} days a second\n"
        f"details: {', '.join(f'{count:,} {name}' for name, count in sorted(details.items()))}"
    )
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
