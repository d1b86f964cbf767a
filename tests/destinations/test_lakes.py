"""The differences of a lake from a database."""

from __future__ import annotations

from pathlib import Path

import pytest
from dlt import source

from comms_source.commands.load import run_load
from comms_source.commands.views import run_views
from comms_source.dlt_resources.load_packages import operation_resources
from comms_source.errors import ConfigurationError
from comms_source.sandbox import Fault, Sandbox
from tests.destinations.places import PLACES, Environment, configured
from tests.destinations.scenario import OPERATIONS, pipeline_of, tables
from tests.support import session_for


@pytest.mark.parametrize("name", ["delta", "iceberg"])
def test_a_lake_gets_no_views(name: str, sandbox: Sandbox, tmp_path: Path, home: Path) -> None:
    """A run skips them silently, and `comms views` explains the alternatives."""
    place, environment = PLACES[name], Environment(name=name, folder=tmp_path / name)

    with configured(place.settings(environment), folder=environment.folder, home=home):
        summary = run_load(session=session_for(sandbox), pipeline=pipeline_of(place))
        with pytest.raises(ConfigurationError, match="comms report creates the views for itself"):
            run_views(pipeline_of(place))

    assert (summary.exit_code, summary.views) == (0, [])


@pytest.mark.parametrize("name", ["delta", "iceberg"])
def test_a_counter_that_is_no_longer_sent_is_null(
    name: str, sandbox: Sandbox, tmp_path: Path, home: Path
) -> None:
    """As in a database, instead of its last value; the history has the state with the value."""
    place, environment = PLACES[name], Environment(name=name, folder=tmp_path / name)
    with_counter = [Fault(kind="new_counter", channel="emails", rows=7)]

    with configured(place.settings(environment), folder=environment.folder, home=home):
        for faults in ([], with_counter, []):
            sandbox.faults.replace(faults)
            session = session_for(sandbox, channels=("emails",), refresh="full")
            run_load(session=session, pipeline=pipeline_of(place))
        kept = tables(pipeline_of(place), ("email_operations", "email_operation_history"))

    assert {row["clicked"] for row in kept["email_operations"]} == {None}
    assert {row["clicked"] for row in kept["email_operation_history"]} == {None, 7}


def test_incomplete_metadata_of_a_killed_run_is_removed(
    sandbox: Sandbox, tmp_path: Path, home: Path
) -> None:
    """Otherwise it would be read as the latest metadata, and no load would succeed."""
    place, environment = PLACES["iceberg"], Environment(name="iceberg", folder=tmp_path / "iceberg")

    with configured(place.settings(environment), folder=environment.folder, home=home):
        run_load(session=session_for(sandbox), pipeline=pipeline_of(place))
        pipeline = pipeline_of(place)
        resources = operation_resources(session_for(sandbox, refresh="full"))
        pipeline.extract(source(lambda: resources, name="comms_source", section="comms_source")())
        for table in OPERATIONS:
            metadata = environment.folder / "lake" / "comms" / table / "metadata"
            (metadata / "99999-of-a-killed-run.metadata.json").touch()
        summary = run_load(session=session_for(sandbox), pipeline=pipeline_of(place))

    assert summary.exit_code == 0
