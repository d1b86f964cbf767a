"""`comms sandbox`."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from comms_source.cli.error_handling import ending
from comms_source.errors import ConfigurationError
from comms_source.timespans import parse_instant


def sandbox(
    port: Annotated[int, typer.Option(help="Where to listen, on this machine only.")] = 8765,
    seed: Annotated[int, typer.Option(help="Which of the possible pasts to show.")] = 1,
    operations: Annotated[
        int, typer.Option(min=0, help="Operations a week, of each channel.")
    ] = 2000,
    now: Annotated[
        str | None, typer.Option(help="Stop the clock at this time, ISO 8601; else real time.")
    ] = None,
    start_bound: Annotated[str, typer.Option(help="inclusive or exclusive.")] = "inclusive",
    end_bound: Annotated[str, typer.Option(help="inclusive or exclusive.")] = "exclusive",
    order: Annotated[str, typer.Option(help="ascending or descending.")] = "descending",
    tokens: Annotated[
        str, typer.Option(help="strict: a token goes with its filters only; or loose.")
    ] = "loose",
    short_pages: Annotated[bool, typer.Option(help="Pages may be short.")] = False,
    empty_pages: Annotated[bool, typer.Option(help="Pages may be empty.")] = False,
    timestamps: Annotated[str, typer.Option(help="seconds or milliseconds.")] = "seconds",
    retention_days: Annotated[float, typer.Option(help="How long operations are shown.")] = 7,
    out_of_range: Annotated[
        str,
        typer.Option(
            help="A startDate before retention or an endDate to come: answer, refuse, "
            "refuse_start or refuse_end."
        ),
    ] = "answer",
    visibility_lag: Annotated[
        float, typer.Option(help="Seconds until an operation is listed, at most.")
    ] = 0,
    rate_limit: Annotated[
        float | None, typer.Option(help="Requests a second, beyond which 429 is answered.")
    ] = None,
    latency: Annotated[float, typer.Option(help="Seconds that an answer takes at least.")] = 0,
    faults: Annotated[
        Path | None,
        typer.Option(help="A TOML file of [[faults]], see docs/sandbox.md.", dir_okay=False),
    ] = None,
    troubles: Annotated[
        Path | None,
        typer.Option(help="A TOML file of [[troubles]], see docs/sandbox.md.", dir_okay=False),
    ] = None,
    samples: Annotated[
        bool, typer.Option("--samples", help="Serve the documented payloads instead.")
    ] = False,
    rendered: Annotated[
        bool,
        typer.Option("--rendered", help="Render everything at the start, and let nothing move."),
    ] = False,
) -> None:
    """Serve a stand-in for the API on this machine, until interrupted.

    It imitates what the documentation says; what that leaves open is an option.
    """
    with ending():
        from comms_source.sandbox import (  # noqa: PLC0415 - an extra
            ACCOUNT_ID,
            AUTH_TOKEN,
            Clock,
            SandboxModel,
            SandboxSettings,
            sample_names,
            serve,
        )

        try:
            choices: dict[str, Any] = {
                "start_bound": start_bound,
                "end_bound": end_bound,
                "order": order,
                "tokens": tokens,
                "timestamps": timestamps,
                "out_of_range": out_of_range,
            }
            settings = SandboxSettings(
                **choices,
                seed=seed,
                operations_per_week=operations,
                short_pages=short_pages,
                empty_pages=empty_pages,
                retention=timedelta(days=retention_days),
                visibility_lag=timedelta(seconds=visibility_lag),
                rate_limit=rate_limit,
                latency=timedelta(seconds=latency),
                faults=_faults(faults),
                troubles=_troubles(troubles),
                samples=tuple(sample_names()) if samples else (),
                rendered=rendered,
            )
            clock = Clock(parse_instant(now) if now else None)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        model = SandboxModel(settings, clock)
        typer.echo(f"Serving on http://127.0.0.1:{port}/v1 until interrupted. To load from it:")
        typer.echo(f"  export SOURCES__COMMS_SOURCE__BASE_URL=http://127.0.0.1:{port}/v1")
        typer.echo(f"  export TWILIO_ACCOUNT_SID={ACCOUNT_ID} TWILIO_AUTH_TOKEN={AUTH_TOKEN}")
        typer.echo("  comms load")
        serve(model, port=port)


def _faults(path: Path | None) -> Any:
    from comms_source.sandbox import faults_from  # noqa: PLC0415 - an extra

    return () if path is None else faults_from(_table("faults", path).get("faults", []))


def _troubles(path: Path | None) -> Any:
    from comms_source.sandbox import troubles_from  # noqa: PLC0415 - an extra

    if path is None:
        return ()
    try:
        return troubles_from(_table("troubles", path).get("troubles"))
    except ValueError as error:
        raise ConfigurationError(f"troubles: {error}") from None


def _table(option: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{option}: {error}") from None
