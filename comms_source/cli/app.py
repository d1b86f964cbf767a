"""The commands, and the options before them."""

from __future__ import annotations

import logging
import os
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Annotated

import typer

from comms_source.cli.backfill import backfill
from comms_source.cli.check import check
from comms_source.cli.demo import demo
from comms_source.cli.fetch import fetch
from comms_source.cli.init import init
from comms_source.cli.load import load
from comms_source.cli.plan import plan
from comms_source.cli.report import report
from comms_source.cli.sandbox import sandbox
from comms_source.cli.status import status
from comms_source.cli.views import views

app = typer.Typer(
    name="comms",
    help="Load the delivery record of Twilio messages, emails and push notifications.",
    epilog="Exit codes: 0 complete, 1 failed, 2 wrong usage or refused credentials, 3 loaded but "
    "incomplete.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (init, load, backfill, fetch, plan, status, report, views, check, sandbox, demo):
    app.command()(command)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"comms-source {package_version('comms-source')}")
        raise typer.Exit


@app.callback()
def before_any_command(
    project: Annotated[
        Path | None,
        typer.Option(
            envvar="COMMS_PROJECT",
            help="Run in this folder, with its .dlt settings and its DuckDB file.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log each step.")] = False,
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Load the delivery record of Twilio messages, emails and push notifications."""
    if project is not None:
        os.chdir(project)
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", force=True
    )
    logging.getLogger("comms_source").setLevel(logging.INFO if verbose else logging.WARNING)
