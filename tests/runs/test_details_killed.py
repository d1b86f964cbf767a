"""A load that is killed loses no details and doubles none."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comms_source.destinations.pipeline import open_pipeline
from comms_source.sandbox import Sandbox
from comms_source.timespans import to_iso
from tests.runs.details_world import (
    ALL,
    operations_asked,
    query,
    small,
    stored_attempts,
    stored_errors,
    stored_resources,
    true_attempts,
    true_errors,
    true_resources,
    true_tags,
)
from tests.runs.killed_details import CHANNELS, PLACES
from tests.support import NOW, load

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
RECOVERED = "recovered: loaded the data that an interrupted run had already read"


@pytest.fixture
def few() -> Iterator[Sandbox]:
    """A sandbox with a few operations of each channel."""
    with small(operations_per_week=6) as serving:
        yield serving


def killed(sandbox: Sandbox, place: str) -> None:
    """Run a load in a process of its own that dies at a place."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
    program += "from tests.runs.killed_details import main; main(*sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", program, place, sandbox.url, to_iso(NOW)],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def loaded_again(sandbox: Sandbox) -> set[str]:
    """Load once more; the operations whose resources were requested for that."""
    sandbox.requests.clear()
    changes: dict[str, Any] = {"channels": CHANNELS, "details": ALL}
    summary = load(sandbox, **changes)
    assert summary.exit_code == 0
    return operations_asked(sandbox)


def runs() -> list[str]:
    """The outcomes of the runs, the earliest first."""
    return [outcome for (outcome,) in query("select outcome from comms.runs order by _dlt_load_id")]


def assert_all_stored(sandbox: Sandbox) -> None:
    """The tables have each resource, tag, attempt and error once."""
    for channel in CHANNELS:
        assert stored_resources(channel) == true_resources(sandbox, channel)
        assert stored_errors(channel) == true_errors(sandbox, channel)
        tags = query(
            "select operation_id, tag, value, resources from comms.operation_tags "
            f"where channel = '{channel}'"
        )
        assert sorted(tags) == sorted(true_tags(sandbox, channel))
    attempts = stored_attempts()
    assert attempts == true_attempts(sandbox, {key for key, _ in attempts})
    columns = "channel, operation_id, kind"
    assert not query(
        f"select {columns} from comms.operation_details group by all having count(*) > 1"
    )


@pytest.mark.parametrize("place", PLACES)
def test_a_killed_load_loses_no_details(
    few: Sandbox, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What it had read is loaded first; what it had not is read now.

    What is loaded is not read again, except where the tables were not even made: they count as
    dropped.
    """
    killed(few, place)
    every = {row["id"] for channel in CHANNELS for row in few.truth(channel)}
    assert operations_asked(few) == (set() if place == "before_details" else every)

    with caplog.at_level(logging.WARNING):
        again = loaded_again(few)

    assert again == (set() if place == "during_the_load" else every)
    assert (RECOVERED in caplog.text) == (place != "before_details")
    assert_all_stored(few)
    first = "interrupted" if place == "before_details" else "complete"
    assert runs() == [first, "complete"]


def test_details_that_cannot_be_loaded_are_read_again(
    few: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """A package whose files are broken does not block the next run."""
    killed(few, "before_the_load")
    for parquet in Path(open_pipeline().working_dir).rglob("new_jobs/*.parquet"):
        parquet.unlink()
        parquet.write_bytes(b"half of a file")

    with caplog.at_level(logging.WARNING):
        again = loaded_again(few)

    assert "discarded and read again" in caplog.text
    assert again == {row["id"] for channel in CHANNELS for row in few.truth(channel)}
    assert_all_stored(few)
    assert runs() == ["interrupted", "complete"]
