"""How a command ends: its exit code, and the error that a person or a machine gets to read."""

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

from comms_source.errors import CommsSourceError
from comms_source.exit_codes import FAILED, REFUSED, exit_code

EXTRAS: Final[Mapping[str, str]] = {
    "starlette": "sandbox",
    "uvicorn": "sandbox",
    "altair": "report",
    "jinja2": "report",
    "vl_convert": "report",
}
"""Packages that only some commands need, and the extra that brings each."""


@contextmanager
def ending(*, as_json: bool = False) -> Iterator[None]:
    """Turn this project's errors into one line and an exit code; others stay what they are.

    An interrupt (Ctrl-C, SIGTERM) ends the process at once.
    """
    try:
        with _interruptible():
            yield
    except CommsSourceError as error:
        if as_json:
            print_json(failure_as_dict(error))
        typer.echo(f"comms: {type(error).__name__}: {error}", err=True)
        raise typer.Exit(exit_code(error)) from None
    except ModuleNotFoundError as missing:
        extra = EXTRAS.get(missing.name or "")
        if extra is None:
            raise
        needed = f"comms-source[{extra}]"
        typer.echo(f"comms: {missing}; this needs more: pip install '{needed}'", err=True)
        raise typer.Exit(REFUSED) from None


def failure_as_dict(error: CommsSourceError) -> dict[str, Any]:
    """What a machine gets to read of an error."""
    return {
        "outcome": "failed",
        "exit_code": exit_code(error),
        "error": type(error).__name__,
        "message": str(error),
    }


@contextmanager
def _interruptible() -> Iterator[None]:
    """End at once when interrupted, rather than after the answers that threads still wait for.

    That is safe: what is being read is not stored yet, and dlt sees to signals while it loads.
    """
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, _end_at_once) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def _end_at_once(*_: object) -> None:
    Console(stderr=True).show_cursor()
    typer.echo("comms: interrupted; what was being read is not stored, run it again", err=True)
    sys.stdout.flush()
    os._exit(FAILED)


def print_json(content: Any) -> None:
    """Print `content` for machines."""
    typer.echo(json.dumps(content, indent=2))
