"""`python -m tests.bench`: run the benchmark and print the results."""

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
    """Run the benchmark; exit with 1 if a run failed, and with 2 if it could not start."""
    options = _options()
    try:
        found = _measure(options)
    except BenchError as error:
        _log(str(error))
        sys.exit(USAGE)
    except KeyboardInterrupt:
        _log("interrupted; nothing is left running")
        sys.exit(INTERRUPTED)
    write = {"text": report.as_text, "markdown": report.as_markdown, "json": report.as_json}
    text = write[options.form](found, machine=machine.describe(), repeat=options.repeat)
    sys.stdout.write(text.rstrip() + "\n")
    sys.exit(any(result.errors for result in found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measures a first load, compared with other ways to read the same lists, from "
        "a sandbox on this machine.",
        epilog="Each run writes below the folder for temporary files (TMPDIR), which should be on "
        "a disk.",
    )
    _add_count(parser, "--operations", default=1_000_000, help="how many to read")
    _add_count(
        parser,
        "--slow-operations",
        default=100_000,
        help="how many for slow participants; their figures are extrapolated",
    )
    _add_count(parser, "--repeat", default=3, help="runs of each participant")
    _add_count(parser, "--limit", default=3600, help="seconds after which a run is ended")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="the participants; all by default"
    )
    parser.add_argument(
        "--environments",
        type=Path,
        default=Path(".bench"),
        metavar="FOLDER",
        help="where the participants' virtual environments are kept (%(default)s)",
    )
    form = parser.add_mutually_exclusive_group()
    form.set_defaults(form="text")
    for kind in ("markdown", "json"):
        form.add_argument(f"--{kind}", dest="form", action="store_const", const=kind)
    return parser.parse_args()


def _add_count(parser: argparse.ArgumentParser, flag: str, *, default: int, help: str) -> None:  # noqa: A002
    parser.add_argument(
        flag, default=default, type=_count, metavar="N", help=f"{help} (%(default)s)"
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def _measure(options: argparse.Namespace) -> list[Result]:
    _check_system()
    participants = chosen(options.only)
    for participant in participants:
        _log(f"preparing {participant.name}")
        participant.prepare(options.environments)
    terms = Terms(
        operations=options.operations,
        slow_operations=options.slow_operations,
        repeat=options.repeat,
        limit=options.limit,
    )
    with Servers() as servers:
        entries = play(participants=participants, terms=terms, servers=servers, log=_log)
    return results(entries, operations=options.operations)


def _check_system() -> None:
    if not hasattr(os, "wait4"):
        raise BenchError("This system cannot measure processes; run it on Linux or macOS.")


def _log(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
