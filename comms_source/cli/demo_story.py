"""The loads of `comms demo`, from a sandbox that plays a story."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import dlt
import typer

from comms_source.cli.output import print_lines
from comms_source.cli.progress import watching
from comms_source.commands.load import run_load
from comms_source.commands.summary import RunSummary
from comms_source.config.credentials import BasicCredentials
from comms_source.config.settings import Settings
from comms_source.destinations.pipeline import open_pipeline
from comms_source.errors import ConfigurationError
from comms_source.extract.session import Session
from comms_source.report.data.facts import Facts
from comms_source.report.data.read import read_facts
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Clock, Sandbox, Story
from comms_source.timespans import to_iso
from comms_source.views.settings import view_settings
from comms_source.words import counted


def play(
    story: Story, *, file: Path, clock: Clock | None = None
) -> tuple[RunSummary, dlt.Pipeline]:
    """Run the loads of a story into a new DuckDB file, and print a line for each.

    Args:
        story: What the sandbox plays.
        file: The DuckDB file; one that is there is replaced.
        clock: The sandbox's clock, which is set for each load; by default one that runs.

    Returns:
        How the last of them went, and its pipeline.

    Raises:
        ConfigurationError: if a file of that name cannot be replaced.
        RunStopped: if nothing (more) can be loaded.
    """
    _remove(file)
    opened = open_pipeline(destination="duckdb", dataset="comms", file=file)
    pipeline = opened.drop()  # What dlt keeps on this machine of an earlier demo.
    clock = clock or Clock(frozen=False)
    print_lines([f"The sandbox plays two weeks, with {len(story.loads)} runs of comms load:"])
    with Sandbox(story.settings, clock) as sandbox:
        for load in story.loads:
            clock.set(load.at)
            sandbox.faults.replace(load.faults)
            summary = _load(sandbox, pipeline)
            print_lines([_line(summary)])
    typer.echo()
    return summary, pipeline


def read_demo(pipeline: dlt.Pipeline, *, now: datetime) -> Facts:
    """The data of a report on the demo."""
    return read_facts(pipeline, settings=view_settings(), now=now)


def _load(sandbox: Sandbox, pipeline: dlt.Pipeline) -> RunSummary:
    settings = Settings(credentials=BasicCredentials(ACCOUNT_ID, AUTH_TOKEN), base_url=sandbox.url)
    session = Session(settings=settings, clock=sandbox.clock.now)
    with watching() as watch:
        session.stats.watch(watch)
        return run_load(session=session, pipeline=pipeline)


def _line(summary: RunSummary) -> str:
    """When a load was, what it read, and what was missing."""
    operations = counted(summary.stats.operations, "operation")
    missing = ", ".join(_missing(summary))
    at = to_iso(summary.started_at)
    return f"  {at}  {operations}" + (f"  incomplete: {missing}" if missing else "")


def _missing(summary: RunSummary) -> Iterator[str]:
    for name, record in summary.stats.channels.items():
        if record.refused:
            yield f"{name} refused"
        if record.gaps:
            yield f"a gap in {name}"


def _remove(file: Path) -> None:
    """Remove a DuckDB file and its log."""
    for each in (file, file.with_name(f"{file.name}.wal")):
        try:
            each.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"{file} cannot be replaced ({os.strerror(error.errno or 0)}); remove it, or run "
                "this in another folder"
            ) from None
