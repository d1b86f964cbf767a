"""`comms sandbox`."""

from __future__ import annotations

import os
import socket
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import typer

from comms_source.cli.dates import WITHOUT_ZONE, parse_given
from comms_source.cli.error_handling import ending
from comms_source.errors import ConfigurationError, RunStopped
from comms_source.timespans import to_iso, utc_now

T = TypeVar("T")

HOST: Final = "127.0.0.1"
TABLES: Final = ("faults", "troubles")
"""What a TOML file may hold: a list of either, or of both."""

Bound = Literal["inclusive", "exclusive"]


def sandbox(
    port: Annotated[
        int,
        typer.Option(
            metavar="PORT",
            min=0,
            max=65_535,
            help="The port to listen on, on this machine only; 0 for any that is free.",
        ),
    ] = 8765,
    seed: Annotated[
        int, typer.Option(metavar="NUMBER", help="Which of the possible data sets to serve.")
    ] = 1,
    operations: Annotated[
        int, typer.Option(metavar="NUMBER", min=0, help="Operations per week and channel.")
    ] = 2000,
    now: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Stop the clock at this time: yesterday, 2026-11-25 or 2026-11-25T10:00, in UTC "
            "unless it has a time zone.",
            show_default="real time",
        ),
    ] = None,
    start_bound: Annotated[
        Bound,
        typer.Option(
            metavar="WORD",
            help="Whether an operation created at startDate is listed: inclusive or exclusive.",
        ),
    ] = "inclusive",
    end_bound: Annotated[
        Bound, typer.Option(metavar="WORD", help="The same for endDate: inclusive or exclusive.")
    ] = "exclusive",
    order: Annotated[
        Literal["ascending", "descending"],
        typer.Option(
            metavar="WORD",
            help="Lists begin with the oldest operation (ascending) or the newest (descending).",
        ),
    ] = "descending",
    tokens: Annotated[
        Literal["strict", "loose"],
        typer.Option(
            metavar="WORD", help="Whether a page token needs the same filters: strict or loose."
        ),
    ] = "loose",
    short_pages: Annotated[
        bool, typer.Option("--short-pages", metavar="", help="Return some short pages.")
    ] = False,
    empty_pages: Annotated[
        bool, typer.Option("--empty-pages", metavar="", help="Return some empty pages.")
    ] = False,
    timestamps: Annotated[
        Literal["seconds", "milliseconds"],
        typer.Option(metavar="WORD", help="The precision of times: seconds or milliseconds."),
    ] = "seconds",
    retention_days: Annotated[
        float, typer.Option(metavar="NUMBER", min=0, help="How many days operations are listed.")
    ] = 7,
    out_of_range: Annotated[
        Literal["answer", "refuse", "refuse_start", "refuse_end"],
        typer.Option(
            metavar="WORD",
            help="What follows a startDate before the retention, or an endDate in the future: "
            "answer, refuse, refuse_start or refuse_end.",
        ),
    ] = "answer",
    visibility_lag: Annotated[
        float,
        typer.Option(
            metavar="NUMBER", min=0, help="Maximum seconds until a new operation is listed."
        ),
    ] = 0,
    rate_limit: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", help="Requests per second; more are answered with 429."),
    ] = None,
    latency: Annotated[
        float, typer.Option(metavar="NUMBER", min=0, help="Minimum response time in seconds.")
    ] = 0,
    faults: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="A TOML file of what goes wrong with responses, see docs/sandbox.md.",
        ),
    ] = None,
    troubles: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="A TOML file of what goes wrong with operations, see docs/sandbox.md.",
        ),
    ] = None,
    samples: Annotated[
        bool,
        typer.Option("--samples", metavar="", help="Serve the documented examples instead."),
    ] = False,
    rendered: Annotated[
        bool,
        typer.Option(
            "--rendered",
            metavar="",
            help="Render all responses at the start; the data does not change.",
        ),
    ] = False,
) -> None:
    """Serve a simulated API on this machine, until interrupted.

    It behaves as documented; options control what the documentation leaves open.
    """
    with ending():
        import comms_source.sandbox as simulated  # noqa: PLC0415 - an extra

        try:
            settings = simulated.SandboxSettings(
                seed=seed,
                operations_per_week=operations,
                start_bound=start_bound,
                end_bound=end_bound,
                order=order,
                tokens=tokens,
                short_pages=short_pages,
                empty_pages=empty_pages,
                timestamps=timestamps,
                retention=timedelta(days=retention_days),
                out_of_range=out_of_range,
                visibility_lag=timedelta(seconds=visibility_lag),
                rate_limit=rate_limit,
                latency=timedelta(seconds=latency),
                faults=_entries(faults, simulated.Fault, simulated.faults_from),
                troubles=_entries(troubles, simulated.Trouble, simulated.troubles_from),
                samples=tuple(simulated.sample_names()) if samples else (),
                rendered=rendered,
            )
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        except OverflowError:
            raise ConfigurationError(
                "retention_days, visibility_lag or latency is too large"
            ) from None
        model = simulated.SandboxModel(settings, simulated.Clock(_instant(now)))
        free = _free_port(port)
        _say_how_to_load(port=free, user=simulated.ACCOUNT_ID, password=simulated.AUTH_TOKEN)
        simulated.serve(model, host=HOST, port=free)


def _instant(now: str | None) -> datetime | None:
    if now is None:
        return None
    try:
        given = parse_given(now, now=utc_now())
    except ValueError as error:
        raise ConfigurationError(f"now: {error}") from None
    if not given.has_zone:
        typer.echo(f"comms: it is {to_iso(given.instant)}; {WITHOUT_ZONE}", err=True)
    return given.instant


def _free_port(port: int) -> int:
    """The port, or a free one for 0.

    Raises:
        RunStopped: if no program may listen on it now.
    """
    try:
        with socket.create_server((HOST, port)) as tried:
            free: int = tried.getsockname()[1]
    except OSError as error:
        raise RunStopped(
            f"port {port} cannot be used ({os.strerror(error.errno or 0)}); choose another one "
            "with --port, or stop the program that uses it"
        ) from None
    return free


def _entries(
    path: Path | None, kind: type[Any], parse: Callable[[Any], tuple[T, ...]]
) -> tuple[T, ...]:
    """The entries of a TOML file, each for one object of a data class; none without a file."""
    if path is None:
        return ()
    option = f"{kind.__name__.lower()}s"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        _check_names(option, tables, kind)
        return parse(tables[option]) if tables else ()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{option}: {error}") from None


def _check_names(option: str, tables: Mapping[str, Any], kind: type[Any]) -> None:
    """Refuse what would be ignored, and name what may have been meant."""
    expected = f"expected a list of {option}, each below [[{option}]]"
    if unknown := [name for name in tables if name not in TABLES]:
        meant = _meant(unknown[0], TABLES)
        raise ValueError(f"{expected}; there is nothing called {unknown[0]}{meant}")
    if tables and option not in tables:
        raise ValueError(expected)
    known = [field.name for field in fields(kind)]
    entries = tables[option] if isinstance(tables.get(option), list) else []
    names = chain.from_iterable(entry for entry in entries if isinstance(entry, dict))
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"a {option[:-1]} has no {unknown[0]}{_meant(unknown[0], known)}")


def _meant(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _say_how_to_load(*, port: int, user: str, password: str) -> None:
    url = f"http://127.0.0.1:{port}/v1"
    typer.echo(f"Serving on {url} until interrupted. To load from it:")
    typer.echo(f"  export SOURCES__COMMS_SOURCE__BASE_URL={url}")
    typer.echo(f"  export TWILIO_ACCOUNT_SID={user} TWILIO_AUTH_TOKEN={password}")
    typer.echo("  comms load")
