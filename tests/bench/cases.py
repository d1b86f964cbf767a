"""Benchmarks of single aspects: startup, latency, rate limits, growth, memory.

    python -m tests.bench.cases [NAME ...] [--repeat 3] [--large]

Each line shows medians of cold processes. Figures that are compared come from the same run.
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

import duckdb

from comms_source.channels import CHANNELS
from tests.bench.environments import comms_in
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

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The common options of the cases."""

    servers: Servers
    program: Path
    """`comms`, in an environment with what its users install."""
    repeat: int
    large: bool
    log: Log


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder, loaded from a sandbox."""

    program: Path
    served: Served
    folder: Path

    @property
    def database(self) -> Path:
        """Its DuckDB file."""
        return self.folder / DATABASE

    def run(self, *arguments: str) -> Measured:
        """One of this project's commands, as a cold process.

        Raises:
            BenchError: if it fails.
        """
        command = comms(self.program, *arguments, served=self.served, folder=self.folder)
        with tempfile.TemporaryDirectory(prefix="comms-bench-") as logs:
            measured = measure(command, logs=Path(logs), limit=LIMIT_SECONDS)
        if measured.status:
            raise BenchError(f"comms {' '.join(arguments)} failed: {measured.errors.strip()}")
        return measured


@contextmanager
def project(bench: Bench, offer: Offer) -> Iterator[Project]:
    """An empty project folder, loaded from such a sandbox; it is removed at the end."""
    served = bench.servers.of(offer)
    with tempfile.TemporaryDirectory(prefix="comms-bench-") as folder:
        yield Project(bench.program, served, Path(folder))


def first_loads(bench: Bench, offer: Offer) -> list[Measured]:
    """First loads of all operations, each into an empty folder."""
    loads = []
    for _ in range(bench.repeat):
        with project(bench, offer) as fresh:
            loads.append(fresh.run("load"))
    return loads


def starting(bench: Bench) -> None:
    """The time of commands with almost nothing to do."""
    with project(bench, SMALL) as small:
        small.run("load")
        for arguments in (("--help",), ("load", "--help"), ("load",), ("status",)):
            runs = [small.run(*arguments) for _ in range(bench.repeat)]
            what = f"comms {' '.join(arguments)}" + (", again" if arguments == ("load",) else "")
            bench.log(f"{what}: {_seconds(runs):.2f} s, {_megabytes(runs):.0f} MB")


def waiting(bench: Bench) -> None:
    """The time of a load, compared with the API's own latency."""
    nothing = _seconds(first_loads(bench, Offer(3, latency=LATENCY)))
    whole = _seconds(first_loads(bench, Offer(1000 * PAGES, latency=LATENCY)))
    least = PAGES / CONCURRENCY * LATENCY
    bench.log(
        f"{PAGES} pages at {1000 * LATENCY:.0f} ms, {CONCURRENCY} at once: {whole:.2f} s, an empty "
        f"account {nothing:.2f} s; the difference is {(whole - nothing) / least:.2f} times the "
        f"minimum, {least:.2f} s"
    )


def limits(bench: Bench) -> None:
    """How much of an allowed rate is used, and how often it is exceeded."""
    served = bench.servers.of(Offer(200_000, latency=LATENCY / 2, rate_limit=RATE))
    done = subprocess.run(
        [sys.executable, str(_LIMITED), served.url, served.user, served.password, str(RATE)],
        capture_output=True, text=True, check=True, env=clean_environment(home=Path.home()),
    )  # fmt: skip
    bench.log(done.stdout.strip())


def growth(bench: Bench) -> None:
    """The time of a load, by the number of stored rows."""
    offer = Offer(100_000, channels=("messages",))
    for stored in GROWTH:
        with project(bench, offer) as old:
            old.run("load")
            subprocess.run([sys.executable, str(_GROW), str(old.database), str(stored)], check=True)
            again = [old.run("load", "--full") for _ in range(bench.repeat)]
            nothing = [old.run("load") for _ in range(bench.repeat)]
        bench.log(
            f"100,000 rows merged into {stored + 100_000:,}: {_seconds(again):.2f} s, "
            f"{_megabytes(again):.0f} MB; a load with almost nothing to do: "
            f"{_seconds(nothing):.2f} s"
        )


def rereading(bench: Bench) -> None:
    """The time of a full load of a million, of which one in a hundred changed since the last."""
    with project(bench, Offer(1_000_000)) as loaded:
        first = loaded.run("load")
        runs = []
        for _ in range(bench.repeat):
            _outdate(loaded.database, share=100)
            runs.append(loaded.run("load", "--full"))
    bench.log(
        f"a full load of a million, 1 % changed: {_seconds(runs):.2f} s, "
        f"{_megabytes(runs):.0f} MB; {_seconds(runs) / first.seconds:.2f} times the first load, "
        f"{first.seconds:.2f} s"
    )


def _outdate(database: Path, *, share: int) -> None:
    """Have one in `share` of the stored states differ from what the API answers."""
    with duckdb.connect(str(database)) as connection:
        for channel in CHANNELS.values():
            connection.execute(
                f"update comms.{channel.history_table} set row_version = row_version + 1 "
                f"where valid_to is null and hash(id) % {share} = 0"
            )


def memory(bench: Bench) -> None:
    """The memory of a first load, by the number of operations."""
    for operations in (100_000, 1_000_000, *((5_000_000,) if bench.large else ())):
        loads = first_loads(bench, Offer(operations))
        bench.log(
            f"first load of {operations:,}: {_megabytes(loads):.0f} MB, {_seconds(loads):.1f} s"
        )


CASES: Final = {
    case.__name__: case for case in (starting, waiting, limits, growth, rereading, memory)
}


def main() -> None:
    """Run the named cases, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cases", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="runs for each figure")
    parser.add_argument(
        "--environments", type=Path, default=Path(".bench"), metavar="FOLDER",
        help="where the virtual environment with comms is kept (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--large", action="store_true", help="also 5 million operations, 5 minutes")
    options = parser.parse_args()
    unknown = set(options.cases) - CASES.keys()
    if unknown:
        names = ", ".join(sorted(unknown))
        parser.error(f"there is no case {names}; choose from {', '.join(CASES)}")
    try:
        _measure(options)
    except BenchError as error:
        _log(str(error))
        sys.exit(2)


def _measure(options: argparse.Namespace) -> None:
    program = comms_in(options.environments)
    with Servers() as servers:
        bench = Bench(
            servers=servers,
            program=program,
            repeat=options.repeat,
            large=options.large,
            log=_log,
        )
        for name in options.cases or CASES:
            CASES[name](bench)


def _seconds(runs: list[Measured]) -> float:
    return median(run.seconds for run in runs)


def _megabytes(runs: list[Measured]) -> float:
    return median(run.peak_mb for run in runs)


def _log(line: str) -> None:
    sys.stdout.write(f"- {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
