"""Many processes open a pipeline, and dlt empties its folder if it has no state."""

from __future__ import annotations

import os
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final

import dlt
import pytest
from filelock import FileLock, Timeout

from comms_source.destinations.crash_recovery import finish_pending
from comms_source.destinations.pipeline import describe_destination, open_pipeline
from comms_source.errors import ConfigurationError, LoadFailed
from comms_source.sandbox import Sandbox
from tests.support import FILE, load

ROUNDS: Final = 12


def open_each(barrier: Barrier) -> None:
    """Open a new pipeline in each round, at the same time as another process."""
    for number in range(ROUNDS):
        barrier.wait(20)
        open_pipeline(dataset=f"dataset_{number}")


@pytest.mark.slow
def test_two_processes_may_open_a_new_pipeline_at_once() -> None:
    """As two tasks of a scheduler do, or `comms status` next to the first `comms load`."""
    context = get_context("spawn")
    barrier = context.Barrier(2)
    processes = [context.Process(target=open_each, args=(barrier,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]


def test_a_folder_is_emptied_under_a_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a pipeline is created, and when the destination turns out to have lost its tables."""
    alone: list[bool] = []
    empty = dlt.Pipeline._wipe_working_folder

    def watched(pipeline: dlt.Pipeline) -> None:
        alone.append(held(Path(f"{pipeline.working_dir}.folder.lock")))
        empty(pipeline)

    monkeypatch.setattr(dlt.Pipeline, "_wipe_working_folder", watched)
    open_pipeline().run([{"a": 1}], table_name="any")
    opened = len(alone)
    Path(FILE).unlink()
    finish_pending(open_pipeline())

    assert opened
    assert len(alone) > opened
    assert all(alone)


def test_a_read_only_folder_is_opened_without_a_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """For example, `comms status` of an analyst where another user loads."""
    folder = Path(open_pipeline().working_dir)
    lock = Path(f"{folder}.folder.lock")
    lock.unlink()
    lock.mkdir()
    with pytest.raises(LoadFailed, match=f"{lock.name} cannot be used: Is a directory"):
        open_pipeline()

    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != folder)
    assert open_pipeline().working_dir == str(folder)


def test_an_unwritable_data_folder_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The message names the setting, before any request is sent."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "file"))
    with pytest.raises(ConfigurationError, match=r"^DLT_DATA_DIR: .* cannot be created"):
        open_pipeline()


def held(lock: Path) -> bool:
    """Whether another process has a lock."""
    try:
        FileLock(lock).acquire(timeout=0).lock.release()
    except Timeout:
        return True
    return False


@pytest.mark.slow
def test_a_relative_path_is_of_the_folder_that_one_is_in(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also if the same file was used from another folder before, by its absolute path."""
    setting = "DESTINATION__DUCKDB__CREDENTIALS"
    own, other = tmp_path / "own", tmp_path / "other"
    for folder in (own, other):
        folder.mkdir()
    monkeypatch.chdir(other)
    monkeypatch.setenv(setting, str(own / "w.duckdb"))
    load(sandbox)

    monkeypatch.chdir(own)
    monkeypatch.setenv(setting, "w.duckdb")
    load(sandbox)

    assert list(other.iterdir()) == []
    assert describe_destination(open_pipeline()) == f"duckdb {own / 'w.duckdb'}"
