"""Measure one command in a new process."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

KIB: Final = 1024
MB: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command with its environment and its folder."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The measurements of a command, and how it ended."""

    seconds: float
    """Wall-clock time from its start to its end."""
    cpu_seconds: float
    """User and system time on all cores, of the command and of its children."""
    peak_mb: float
    """The peak resident memory of its largest process, in millions of bytes."""
    status: int
    """The exit status; negative if a signal ended it."""
    overdue: bool
    """Whether it was ended because it took too long."""
    output: str
    errors: str


def measure(command: Command, *, logs: Path, limit: float) -> Measured:
    """Run a command; it is killed, with its children, after `limit` seconds.

    Its output is written to files below `logs`, because a pipe would have to be read.
    """
    output, errors = logs / "output", logs / "errors"
    with output.open("wb") as out, errors.open("wb") as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            env=command.environment,
            cwd=command.folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        usage = _wait(process, limit=limit)
        seconds = time.perf_counter() - began
    return Measured(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss * (1 if sys.platform == "darwin" else KIB) / MB,
        status=process.returncode,
        overdue=process.returncode == -signal.SIGKILL and seconds >= limit,
        output=output.read_text(encoding="utf-8", errors="replace"),
        errors=errors.read_text(encoding="utf-8", errors="replace"),
    )


def _wait(process: subprocess.Popen[bytes], *, limit: float) -> resource.struct_rusage:
    timer = threading.Timer(limit, _kill, [process.pid])
    timer.daemon = True
    timer.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        _kill(process.pid)
        raise
    finally:
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def _kill(session: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)
