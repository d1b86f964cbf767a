"""What a lake says where it cannot do what a database does."""

from __future__ import annotations

from pathlib import Path

import pytest
from dlt import source

from comms_source.commands.load import run_load
from comms_source.commands.views import run_views
from comms_source.errors import ConfigurationError
from comms_source.sandbox import Fault, Sandbox
from comms_source.source import operation_resources
from tests.destinations.life import OPERATIONS, pipeline_of, tables
from tests.destinations.places import PLACES, Surroundings, settled
from tests.support import session_for


@pytest.mark.parametrize("name", ["delta", "iceberg"])
def test_a_lake_gets_no_views_and_says_so_when_asked(
    name: str, sandbox: Sandbox, tmp_path: Path, home: Path
) -> None:
    """A run goes without them silently; `comms views` names what serves instead."""
    place, around = PLACES[name], Surroundings(name=name, folder=tmp_path / name)

    with settled(place.settings(around), folder=around.folder, home=home):
        summary = run_load(session=session_for(sandbox), pipeline=pipeline_of(place))
        with pytest.raises(ConfigurationError, match="comms report makes the views for itself"):
            run_views(pipeline_of(place))

    assert (summary.exit_code, summary.views) == (0, [])


@pytest.mark.parametrize("name", ["delta", "iceberg"])
def test_a_counter_that_is_not_told_any_more_is_null(
    name: str, sandbox: Sandbox, tmp_path: Path, home: Path
) -> None:
    """As in a database, and not what it was; the history has the state that knew it."""
    place, around = PLACES[name], Surroundings(name=name, folder=tmp_path / name)
    of_it = [Fault(kind="new_counter", channel="emails", rows=7)]

    with settled(place.settings(around), folder=around.folder, home=home):
        for faults in ([], of_it, []):
            sandbox.faults.replace(faults)
            session = session_for(sandbox, channels=("emails",), refresh="full")
            run_load(session=session, pipeline=pipeline_of(place))
        kept = tables(pipeline_of(place), ("email_operations", "email_operation_history"))

    assert {row["clicked"] for row in kept["email_operations"]} == {None}
    assert {row["clicked"] for row in kept["email_operation_history"]} == {None, 7}


def test_metadata_that_a_killed_run_has_written_in_half_is_removed(
    sandbox: Sandbox, tmp_path: Path, home: Path
) -> None:
    """It would be taken for the latest, and no load would ever succeed again."""
    place, around = PLACES["iceberg"], Surroundings(name="iceberg", folder=tmp_path / "iceberg")

    with settled(place.settings(around), folder=around.folder, home=home):
        run_load(session=session_for(sandbox), pipeline=pipeline_of(place))
        pipeline = pipeline_of(place)
        resources = operation_resources(session_for(sandbox, refresh="full"))
        pipeline.extract(source(lambda: resources, name="comms_source", section="comms_source")())
        for table in OPERATIONS:
            metadata = around.folder / "lake" / "comms" / table / "metadata"
            (metadata / "99999-of-a-killed-run.metadata.json").touch()
        summary = run_load(session=session_for(sandbox), pipeline=pipeline_of(place))

    assert summary.exit_code == 0
