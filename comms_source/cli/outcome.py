"""How a command ends: its exit code, and the error that a person or a machine gets to read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from comms_source.errors import CommsSourceError
from comms_source.exits import exit_code


@contextmanager
def ending(*, as_json: bool = False) -> Iterator[None]:
    """Turn this project's errors into one line and an exit code; others stay what they are."""
    try:
        yield
    except CommsSourceError as error:
        code = exit_code(error)
        if as_json:
            failed = {"outcome": "failed", "exit_code": code, "error": type(error).__name__}
            print_json(failed | {"message": str(error)})
        typer.echo(f"comms: {type(error).__name__}: {error}", err=True)
        raise typer.Exit(code) from None


def print_json(content: Any) -> None:
    """Print `content` for machines."""
    typer.echo(json.dumps(content, indent=2))
