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
    port: Annotated[int, typer.Option(help="The port to listen on, on this machine only.")] = 8765,
    seed: Annotated[int, typer.Option(help="Random seed of the generated data.")] = 1,
    operations: Annotated[int, typer.Option(min=0, help="Operations per week and channel.")] = 2000,
    now: Annotated[
        str | None,
        typer.Option(help="Stop the clock at this ISO 8601 time; by default real time."),
    ] = None,
    start_bound: Annotated[str, typer.Option(help="inclusive or exclusive.")] = "inclusive",
    end_bound: Annotated[str, typer.Option(help="inclusive or exclusive.")] = "exclusive",
    order: Annotated[str, typer.Option(help="ascending or descending.")] = "descending",
    tokens: Annotated[
        str, typer.Option(help="strict: a page token needs the same filters; or loose.")
    ] = "loose",
    short_pages: Annotated[bool, typer.Option(help="Return some short pages.")] = False,
    empty_pages: Annotated[bool, typer.Option(help="Return some empty pages.")] = False,
    timestamps: Annotated[str, typer.Option(help="seconds or milliseconds.")] = "seconds",
    retention_days: Annotated[float, typer.Option(help="How many days operations are listed.")] = 7,
    out_of_range: Annotated[
        str,
        typer.Option(
            help="A startDate before the retention or a future endDate: answer, refuse, "
            "refuse_start or refuse_end."
        ),
    ] = "answer",
    visibility_lag: Annotated[
        float, typer.Option(help="Maximum seconds until a new operation is listed.")
    ] = 0,
    rate_limit: Annotated[
        float | None, typer.Option(help="Requests per second; more are answered with 429.")
    ] = None,
    latency: Annotated[float, typer.Option(help="Minimum response time in seconds.")] = 0,
    faults: Annotated[
        Path | None,
        typer.Option(help="A TOML file of [[faults]], see docs/sandbox.md.", dir_okay=False),
    ] = None,
    troubles: Annotated[
        Path | None,
        typer.Option(help="A TOML file of [[troubles]], see docs/sandbox.md.", dir_okay=False),
    ] = None,
    samples: Annotated[
        bool, typer.Option("--samples", help="Serve the documented example payloads instead.")
    ] = False,
    rendered: Annotated[
        bool,
        typer.Option(
            "--rendered", help="Render all responses at the start; the data does not change."
        ),
    ] = False,
) -> None:
    """Serve a simulated API on this machine, until interrupted.

    It behaves as documented; options control what the documentation leaves open.
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
