"""The story of the demo at a fixed time, with nothing in it that depends on this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import dlt

from comms_source.cli.demo_story import play
from comms_source.commands.status import Status, read_status
from comms_source.commands.summary import RunSummary
from comms_source.config.credentials import BasicCredentials
from comms_source.config.settings import Settings
from comms_source.report.data.facts import Facts
from comms_source.report.data.read import read_facts
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Clock, story
from comms_source.views.create import create_views
from comms_source.views.settings import ViewSettings

NOW: Final = datetime(2026, 11, 27, 14, 20, tzinfo=UTC)
"""A Friday afternoon; what went wrong was on Thursday evening."""
SEED: Final = 1
FILE: Final = "comms_demo.duckdb"
DESTINATION: Final = f"duckdb {FILE}"
TOOK: Final = timedelta(seconds=2)
"""How long the picture of a load says that it took. The clock of the story stands still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What the commands show at the end of the story."""

    summary: RunSummary
    status: Status
    facts: Facts
    pipeline: dlt.Pipeline


def play_story(folder: Path) -> Played:
    """Play the story into a DuckDB file in a folder, and read it at its end."""
    summary, pipeline = play(story(now=NOW, seed=SEED), file=folder / FILE, clock=Clock(NOW))
    settings = ViewSettings(now=NOW)
    create_views(pipeline, settings=settings)
    facts = read_facts(pipeline, settings=settings, now=NOW)
    status = read_status(
        settings=Settings(credentials=BasicCredentials(ACCOUNT_ID, AUTH_TOKEN)),
        pipeline=pipeline,
        now=NOW,
    )
    return Played(
        summary=replace(summary, destination=DESTINATION, ended_at=summary.started_at + TOOK),
        status=replace(status, destination=DESTINATION, pipelines_dir="~/.dlt/pipelines"),
        facts=replace(facts, context=replace(facts.context, destination=DESTINATION)),
        pipeline=pipeline,
    )
