"""`comms demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from comms_source.cli.error_handling import ending

PIPELINE = "comms_demo"


def demo(
    operations: Annotated[
        int, typer.Option(metavar="NUMBER", min=0, help="Operations per channel in the sandbox.")
    ] = 2000,
) -> None:
    """Load from a sandbox, without a Twilio account.

    Writes comms_demo.duckdb into this folder, and nothing else.
    """
    with ending(loads=True):
        from comms_source.cli.output import (  # noqa: PLC0415
            print_lines,
            show_figures,
            show_summary,
        )
        from comms_source.cli.progress import watching  # noqa: PLC0415 - dlt is slow to import
        from comms_source.commands.load import run_load  # noqa: PLC0415
        from comms_source.config.credentials import BasicCredentials  # noqa: PLC0415
        from comms_source.config.settings import Settings  # noqa: PLC0415
        from comms_source.destinations.pipeline import open_pipeline  # noqa: PLC0415
        from comms_source.extract.session import Session  # noqa: PLC0415
        from comms_source.sandbox import (  # noqa: PLC0415
            ACCOUNT_ID,
            AUTH_TOKEN,
            Sandbox,
            SandboxSettings,
        )

        with Sandbox(SandboxSettings(operations_per_week=operations)) as sandbox:
            settings = Settings(
                credentials=BasicCredentials(ACCOUNT_ID, AUTH_TOKEN), base_url=sandbox.url
            )
            session = Session(settings=settings, clock=sandbox.clock.now)
            pipeline = open_pipeline(destination="duckdb", dataset="comms", name=PIPELINE)
            with watching() as watch:
                session.stats.watch(watch)
                summary = run_load(session=session, pipeline=pipeline)
        show_summary(summary)
        show_figures(pipeline=pipeline)
        print_lines([f"Open {PIPELINE}.duckdb with any DuckDB client, and query it, for example:"])
        typer.echo("  select day, channel, requested, delivered, delivery_rate")
        typer.echo("  from comms.daily_delivery order by day, channel")
    raise typer.Exit(summary.exit_code)
