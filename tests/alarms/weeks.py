"""Simulate weeks of loads from a sandbox into a DuckDB file, with a report after each load."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from unittest import mock

import duckdb

from comms_source.commands import views as runs
from comms_source.commands.load import run_load
from comms_source.destinations.pipeline import open_pipeline
from comms_source.report.data.facts import Facts
from comms_source.report.data.read import read_facts
from comms_source.report.findings.problems import Concern, concerns_of
from comms_source.sandbox import Clock, Sandbox, SandboxSettings, Trouble
from comms_source.timespans import to_iso
from comms_source.views.settings import ViewSettings
from comms_source.views.statements import view_statements
from tests.support import FILE, session_for

START: Final = datetime(2026, 10, 1, 0, 4, tzinfo=UTC)
"""The time of the first load, a Thursday."""
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
TROUBLE: Final = START + 14 * DAY
"""The start of troubles, which last for two days."""


@dataclass(frozen=True, slots=True)
class Look:
    """The report after one load."""

    at: datetime
    concerns: Sequence[Concern]
    facts: Facts

    def kinds(self, *channels: str) -> set[str]:
        """The kinds of the findings, of some channels or of all."""
        return {
            concern.kind
            for concern in self.concerns
            if not channels or set(channels) & set(concern.channels)
        }


def weeks(
    *,
    days: float,
    every: timedelta = 12 * HOUR,
    troubles: Sequence[Trouble] = (),
    silent: tuple[datetime, datetime] | None = None,
    looking_from: datetime = START,
    operations: int = 400,
    seed: int = 1,
) -> Iterator[Look]:
    """Load at regular intervals for some days, and yield the report after each load.

    Writes into the current folder. There are no loads from `silent[0]` until `silent[1]`, and no
    reports before `looking_from`.
    """
    settings = SandboxSettings(operations_per_week=operations, troubles=tuple(troubles), seed=seed)
    with _virtual_time(), Sandbox(settings, clock=Clock(START)) as sandbox:
        at = START
        while at < START + days * DAY:
            if not (silent and silent[0] <= at < silent[1]):
                sandbox.clock.set(at)
                run_load(session=session_for(sandbox), pipeline=open_pipeline())
                if at >= looking_from:
                    yield look(at)
            at += every


def look(at: datetime) -> Look:
    """The report at an instant."""
    settings = ViewSettings(now=START)
    with duckdb.connect(FILE) as connection:
        connection.execute("set timezone = 'UTC'")
        for view in view_statements(dialect="duckdb", dataset="comms", settings=settings):
            # Generating the statements is slow, so they are generated once.
            connection.execute(view.create.replace(to_iso(START), to_iso(at)))
    facts = read_facts(open_pipeline(), settings=settings, now=at)
    return Look(at, concerns_of(facts), facts)


@contextmanager
def _virtual_time() -> Iterator[None]:
    """`look` creates the views, with the sandbox's time instead of this machine's."""
    with mock.patch.object(runs, "refresh_views", return_value=[]):
        yield
