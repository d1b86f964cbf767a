"""The scenario of the destinations, in Databricks' dialect on Spark and in a DuckDB file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from comms_source.sandbox import Clock, Sandbox, SandboxSettings
from comms_source.views.files import read_views
from tests.destinations.places import Place
from tests.destinations.scenario import (
    DETAILS,
    STAGES,
    TABLES,
    WITH_DETAILS,
    Results,
    Tables,
    pipeline_of,
    read_outputs,
    rows_of,
    tables,
)
from tests.spark.views import Views
from tests.support import NOW

RUN: Final = ("first", "again", "later", "after an outage", "details")
"""The stages. A killed run, in its own process, would need a Spark of its own."""

ON_SPARK: Final = Place(name="databricks-on-spark", destination="databricks", settings=lambda _: {})
IN_DUCKDB: Final = Place(name="duckdb", destination="duckdb", settings=lambda _: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What the stages left."""

    results: Results
    views: Tables
    """The rows of all views, internal ones included."""
    created: Sequence[str] = ()
    """The views that Spark has created, by their qualified names."""


def run_stages(place: Place, views: Views | None = None) -> Run:
    """Run the stages; the views of a Spark are created after the last one."""
    results = Results()
    with Sandbox(SandboxSettings(operations_per_week=60), Clock(NOW)) as sandbox:
        for stage in RUN:
            results.exits[stage] = STAGES[stage](sandbox, place)
            detailed = DETAILS if stage in WITH_DETAILS else ()
            results.stages[stage] = tables(pipeline_of(place), (*TABLES, *detailed))
        if views:
            views.are_created = True
        read_outputs(results, place, sandbox)
        with pipeline_of(place).sql_client() as client:
            names = [view.name for view in read_views(details=True)]
            rows = {name: list(rows_of(client, name)) for name in names}
    return Run(results=results, views=rows, created=views.created if views else ())
