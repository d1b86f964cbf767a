"""`python -m tests.bench`: measure, and print what came of it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from tests.bench import machine, report
from tests.bench.errors import BenchError
from tests.bench.participants import chosen
from tests.bench.results import Result, results
from tests.bench.rounds import Terms, play
from tests.bench.servers import Servers

USAGE: Final = 2
INTERRUPTED: Final = 130


def main() -> None:
    """Run the benchmark; exit with 1 if a run went wrong and with 2 if there could be none."""
    options = _options()
    try:
        found = _measure(options)
    except BenchError as error:
        _tell(str(error))
        sys.exit(USAGE)
    except KeyboardInterrupt:
        _tell("interrupted; nothing is left running")
        sys.exit(INTERRUPTED)
    write = {"text": report.as_text, "markdown": report.as_markdown, "json": report.as_json}
    text = write[options.form](found, machine=machine.describe(), repeat=options.repeat)
    sys.stdout.write(text.rstrip() + "\n")
    sys.exit(any(result.errors for result in found))


def _options() -> argparse.Namespace:
    told = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measures a first load beside other ways to read the same lists, from a "
        "sandbox on this machine.",
        epilog="Each run writes below the folder for temporary files (TMPDIR), which should be on "
        "a disk.",
    )
    _add_count(told, "--operations", default=1_000_000, help="how many to read")
    _add_count(
        told,
        "--slow-operations",
        default=100_000,
        help="how many for who is too slow to read all; the figures are extrapolated",
    )
    _add_count(told, "--repeat", default=3, help="runs of each participant")
    _add_count(told, "--limit", default=3600, help="seconds after which a run is ended")
    told.add_argument("--only", nargs="+", metavar="NAME", help="the participants; all by default")
    told.add_argument(
        "--environments",
        type=Path,
        default=Path(".bench"),
        metavar="FOLDER",
        help="where the participants' virtual environments are kept (%(default)s)",
    )
    form = told.add_mutually_exclusive_group()
    form.set_defaults(form="text")
    for kind in ("markdown", "json"):
        form.add_argument(f"--{kind}", dest="form", action="store_const", const=kind)
    return told.parse_args()


def _add_count(told: argparse.ArgumentParser, flag: str, *, default: int, help: str) -> None:  # noqa: A002
    told.add_argument(flag, default=default, type=_count, metavar="N", help=f"{help} (%(default)s)")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def _measure(options: argparse.Namespace) -> list[Result]:
    _check_system()
    participants = chosen(options.only)
    for participant in participants:
        _tell(f"preparing {participant.name}")
        participant.prepare(options.environments)
    terms = Terms(
        operations=options.operations,
        slow_operations=options.slow_operations,
        repeat=options.repeat,
        limit=options.limit,
    )
    with Servers() as servers:
        entries = play(participants=participants, terms=terms, servers=servers, tell=_tell)
    return results(entries, operations=options.operations)


def _check_system() -> None:
    if not hasattr(os, "wait4"):
        raise BenchError("This system does not tell what a process used; run it on Linux or macOS.")


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
