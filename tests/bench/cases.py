"""What a first load beside others does not show: starting up, waiting, limits, growth, memory.

    python -m tests.bench.cases [NAME ...] [--repeat 3] [--large]

Each line gives medians of cold processes; where one figure is set against another, both come from
this one run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from tests.bench.errors import BenchError
from tests.bench.measuring import Measured, measure
from tests.bench.participants import DATABASE, clean_environment, comms
from tests.bench.servers import Offer, Served, Servers

LIMIT_SECONDS: Final = 900
LATENCY: Final = 0.1
CONCURRENCY: Final = 8
"""The default of the setting `concurrency`."""
PAGES: Final = 200
RATE: Final = 20.0
GROWTH: Final = (0, 1_000_000, 10_000_000)
SMALL: Final = Offer(120)
_GROW: Final = Path(__file__).with_name("growing.py")
_LIMITED: Final = Path(__file__).with_name("limited.py")

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What the cases share."""

    servers: Servers
    repeat: int
    large: bool
    tell: Tell


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder that a sandbox is loaded into."""

    served: Served
    folder: Path

    @property
    def database(self) -> Path:
        """Its DuckDB file."""
        return self.folder / DATABASE

    def run(self, *arguments: str) -> Measured:
        """One of this project's commands, as a cold process.

        Raises:
            BenchError: if it does not end well.
        """
        command = comms(*arguments, served=self.served, folder=self.folder)
        with tempfile.TemporaryDirectory(prefix="comms-bench-") as logs:
            measured = measure(command, logs=Path(logs), limit=LIMIT_SECONDS)
        if measured.status:
            raise BenchError(f"comms {' '.join(arguments)} failed: {measured.errors.strip()}")
        return measured


@contextmanager
def project(served: Served) -> Iterator[Project]:
    """An empty project folder, of which nothing is left."""
    with tempfile.TemporaryDirectory(prefix="comms-bench-") as folder:
        yield Project(served, Path(folder))


def first_loads(bench: Bench, offer: Offer) -> list[Measured]:
    """Loads of everything into nothing, each in a fresh folder."""
    served, loads = bench.servers.of(offer), []
    for _ in range(bench.repeat):
        with project(served) as fresh:
            loads.append(fresh.run("load"))
    return loads


def starting(bench: Bench) -> None:
    """How long a command takes that has next to nothing to do."""
    with project(bench.servers.of(SMALL)) as small:
        small.run("load")
        for arguments in (("--help",), ("load", "--help"), ("load",), ("status",)):
            runs = [small.run(*arguments) for _ in range(bench.repeat)]
            what = f"comms {' '.join(arguments)}" + (", again" if arguments == ("load",) else "")
            bench.tell(f"{what}: {_seconds(runs):.2f} s, {_megabytes(runs):.0f} MB")


def waiting(bench: Bench) -> None:
    """How much longer than the API's own latency a load takes."""
    nothing = _seconds(first_loads(bench, Offer(3, latency=LATENCY)))
    whole = _seconds(first_loads(bench, Offer(1000 * PAGES, latency=LATENCY)))
    least = PAGES / CONCURRENCY * LATENCY
    bench.tell(
        f"{PAGES} pages at {1000 * LATENCY:.0f} ms, {CONCURRENCY} at once: {whole:.2f} s, an empty "
        f"account {nothing:.2f} s; the difference is {(whole - nothing) / least:.2f} times the "
        f"least possible, {least:.2f} s"
    )


def limits(bench: Bench) -> None:
    """How much of an allowed rate is used, and how often it is overdone."""
    served = bench.servers.of(Offer(200_000, latency=LATENCY / 2, rate_limit=RATE))
    told = subprocess.run(
        [sys.executable, str(_LIMITED), served.url, served.user, served.password, str(RATE)],
        capture_output=True, text=True, check=True, env=clean_environment(home=Path.home()),
    )  # fmt: skip
    bench.tell(told.stdout.strip())


def growth(bench: Bench) -> None:
    """What a load costs by what is stored already."""
    served = bench.servers.of(Offer(100_000, channels=("messages",)))
    for stored in GROWTH:
        with project(served) as old:
            old.run("load")
            subprocess.run([sys.executable, str(_GROW), str(old.database), str(stored)], check=True)
            again = [old.run("load", "--full") for _ in range(bench.repeat)]
            nothing = [old.run("load") for _ in range(bench.repeat)]
        bench.tell(
            f"100,000 rows merged into {stored + 100_000:,}: {_seconds(again):.2f} s, "
            f"{_megabytes(again):.0f} MB; a load with next to nothing to do: "
            f"{_seconds(nothing):.2f} s"
        )


def memory(bench: Bench) -> None:
    """How much memory a first load takes by how much it reads."""
    for operations in (100_000, 1_000_000, *((5_000_000,) if bench.large else ())):
        loads = first_loads(bench, Offer(operations))
        bench.tell(
            f"first load of {operations:,}: {_megabytes(loads):.0f} MB, {_seconds(loads):.1f} s"
        )


CASES: Final = {case.__name__: case for case in (starting, waiting, limits, growth, memory)}


def main() -> None:
    """Run the cases named, or all."""
    told = argparse.ArgumentParser(prog="python -m tests.bench.cases", description=__doc__)
    told.add_argument("cases", nargs="*", metavar="NAME", help=", ".join(CASES))
    told.add_argument("--repeat", type=int, default=3, metavar="N", help="runs for each figure")
    told.add_argument("--large", action="store_true", help="5 million operations too; takes 5 min")
    options = told.parse_args()
    unknown = set(options.cases) - CASES.keys()
    if unknown:
        told.error(f"there is no case {', '.join(sorted(unknown))}; choose from {', '.join(CASES)}")
    with Servers() as servers:
        bench = Bench(servers=servers, repeat=options.repeat, large=options.large, tell=_tell)
        for name in options.cases or CASES:
            CASES[name](bench)


def _seconds(runs: list[Measured]) -> float:
    return median(run.seconds for run in runs)


def _megabytes(runs: list[Measured]) -> float:
    return median(run.peak_mb for run in runs)


def _tell(line: str) -> None:
    sys.stdout.write(f"- {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
