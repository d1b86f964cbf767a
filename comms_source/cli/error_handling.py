"""How a command ends: its exit code, and its error message as text or JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import typer
from rich.console import Console

from comms_source.errors import COMPLETE, REFUSED, CommsSourceError, NothingLoaded

EXTRAS: Final[Mapping[str, str]] = {
    "starlette": "sandbox",
    "uvicorn": "sandbox",
    "altair": "report",
    "jinja2": "report",
    "vl_convert": "report",
    "prometheus_client": "metrics",
}
"""Packages that only some commands need, and the extra that installs each."""


@contextmanager
def ending(*, as_json: bool = False, loads: bool = False) -> Iterator[None]:
    """Turn this project's errors into one line and an exit code; others are not caught.

    An interrupt (Ctrl-C, SIGTERM) ends the process at once, with 128 and the signal's number.

    Args:
        as_json: Whether standard output is JSON.
        loads: Whether the command loads, so that an interrupt leaves something unread.
    """
    try:
        with _interruptible(loads=loads):
            yield
    except NothingLoaded as nothing:
        if as_json:
            print_json(
                {"outcome": "nothing loaded", "exit_code": COMPLETE, "message": str(nothing)}
            )
        else:
            typer.echo(str(nothing))
        raise typer.Exit(COMPLETE) from None
    except CommsSourceError as error:
        if as_json:
            print_json(failure_as_dict(error))
        typer.echo(f"comms: {type(error).__name__}: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    except ModuleNotFoundError as missing:
        extra = EXTRAS.get(missing.name or "")
        if extra is None:
            raise
        needed = f"comms-source[{extra}]"
        typer.echo(
            f"comms: {missing}; this command needs an extra: pip install '{needed}'", err=True
        )
        raise typer.Exit(REFUSED) from None
    except KeyboardInterrupt as interrupt:
        # dlt raises it while it loads, once the jobs that it has begun are done.
        number = getattr(interrupt, "signal_code", signal.SIGINT)
        typer.echo("comms: interrupted while loading; the next load goes on from here", err=True)
        raise typer.Exit(_of_signal(number)) from None


def failure_as_dict(error: CommsSourceError) -> dict[str, Any]:
    """An error as JSON."""
    return {
        "outcome": "failed",
        "exit_code": error.exit_code,
        "error": type(error).__name__,
        "message": str(error),
    }


@contextmanager
def _interruptible(*, loads: bool) -> Iterator[None]:
    """Exit at once when interrupted, instead of waiting for the requests of other threads.

    That is safe: what is being read is not stored yet, and dlt handles signals while it loads.
    """

    def end_at_once(number: int, _: object) -> None:
        Console(stderr=True).show_cursor()
        lost = "; what was being read is not stored, so run again" if loads else ""
        typer.echo(f"comms: interrupted{lost}", err=True)
        sys.stdout.flush()
        os._exit(_of_signal(number))

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, end_at_once) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def _of_signal(number: int) -> int:
    """The exit code of a process that a signal ended, as shells count it."""
    return 128 + number


def print_json(content: Any) -> None:
    """Print `content` as JSON."""
    typer.echo(json.dumps(content, indent=2))
