"""The commands, and the options before them."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Annotated, Final

import typer

from comms_source.cli.backfill import backfill
from comms_source.cli.check import check
from comms_source.cli.demo import demo
from comms_source.cli.error_handling import ending
from comms_source.cli.fetch import fetch
from comms_source.cli.init import init
from comms_source.cli.load import load
from comms_source.cli.logs import set_up_logging
from comms_source.cli.plan import plan
from comms_source.cli.rejected import rejected
from comms_source.cli.report import report
from comms_source.cli.sandbox import sandbox
from comms_source.cli.status import status
from comms_source.cli.views import views
from comms_source.errors import ConfigurationError

app = typer.Typer(
    name="comms",
    help="Load the delivery record of Twilio messages, emails and push notifications.",
    epilog="Exit codes: 0 complete, 1 failed, 2 wrong usage or refused credentials, 3 loaded but "
    "incomplete, 130 or 143 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # fits paragraphs to the width of the terminal
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: Final = (
    *(init, load, backfill, fetch, plan, status, report, rejected, views),
    *(check, sandbox, demo),
)
for command in COMMANDS:
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
            metavar="FOLDER",
            help="Run in this folder, with its .dlt settings and its DuckDB file.",
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", metavar="", help="Log each step.")
    ] = False,
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool,
        typer.Option(
            "--version",
            metavar="",
            callback=_show_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    """Load the delivery record of Twilio messages, emails and push notifications."""
    # The options of the command itself are not parsed yet.
    with ending(as_json="--json" in sys.argv):
        _enter(project)
    set_up_logging(verbose=verbose)


def _enter(project: Path | None) -> None:
    """Go to the folder of a project, and make sure that there is a folder to work in.

    Raises:
        ConfigurationError: if there is none.
    """
    try:
        os.chdir(project or Path.cwd())
    except OSError as error:
        if project is None:
            raise ConfigurationError(
                "the folder that this was started in is gone or closed to this user; change to "
                "another one, or name one with --project"
            ) from None
        raise ConfigurationError(
            f"project: {str(project)!r} cannot be used ({error.strerror}); name a folder with "
            "--project or in COMMS_PROJECT"
        ) from None
