"""Who may do what beside whom on one destination: locks that end with their process.

Each run claims what it loads, and is refused where another has it. Loading itself goes in turn:
whoever comes second waits, and so does who opens a pipeline that another is just making. All are
kept on one machine; the turns of loading on PostgreSQL also between machines.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import msgspec
from filelock import FileLock, Timeout

from comms_source.config.waits import Deadline, load_deadline
from comms_source.destinations.postgres import postgres_credentials
from comms_source.errors import ConfigurationError, PipelineBusy
from comms_source.timespans import to_iso, utc_now

logger = logging.getLogger("comms_source")


@contextmanager
def exclusive_run(pipeline: dlt.Pipeline, *, command: str) -> Iterator[None]:
    """Keep other runs of the pipeline, and so of its account, from this machine, for the block.

    Raises:
        PipelineBusy: if another run is in progress; it says which.
    """
    folder, name = _folder(pipeline), pipeline.pipeline_name
    lock, holder = FileLock(folder / f"{name}.lock"), folder / f"{name}.holder.json"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise PipelineBusy(
            f"{_told(holder)} is at work on this destination; "
            "wait for it to end, or look at that process if it should have ended"
        ) from None
    with _named(lock, holder, program=f"comms {command}"):
        yield


@contextmanager
def _named(lock: FileLock, holder: Path, *, program: str) -> Iterator[None]:
    """Keep a lock that was taken, and say beside it who has it.

    The lock's own file cannot say so: each process that tries to take the lock empties that file.
    """
    try:
        holder.write_bytes(msgspec.json.encode(_myself(program)))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


@contextmanager
def in_turn(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Wait for the run that loads into the destination, and keep others waiting.

    Two loads at once could both find a row missing and both add it, or make one table twice.

    Raises:
        PipelineBusy: if the turn has not come after `max_load_wait`; it names the run that has it.
        LoadFailed: if the destination is lost meanwhile.
    """
    deadline = load_deadline()
    with (
        _turn_on_machine(_folder(pipeline), deadline),
        _turn_between_machines(pipeline, deadline),
    ):
        yield


@contextmanager
def _turn_on_machine(folder: Path, deadline: Deadline) -> Iterator[None]:
    lock, holder = FileLock(folder / "load.lock"), folder / "load.holder.json"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("waiting: %s loads into this destination", _told(holder))
        _acquire(lock, holder, deadline)
    with _named(lock, holder, program="comms"):
        yield


def _acquire(lock: FileLock, holder: Path, deadline: Deadline) -> None:
    try:
        lock.acquire(timeout=deadline.left)
    except Timeout:
        raise PipelineBusy(
            f"{_told(holder)} has been loading into this destination for as long as this run may "
            f"wait (max_load_wait, {deadline.allowed}); what was read is kept, so load again later, "
            "or look at that process if it should have ended",
            waited=True,
        ) from None


@contextmanager
def alone_in(working_folder: Path) -> Iterator[None]:
    """Wait for whoever opens the pipeline of this folder, and keep others waiting.

    dlt empties the folder of a pipeline that has no state in it yet, be it another's that is just
    being made. Whoever may only read there can empty nothing, and waits for nobody.

    Raises:
        ConfigurationError: if there can be no such folder.
    """
    if working_folder.exists() and not os.access(working_folder, os.W_OK):
        yield
        return
    lock = FileLock(_made(working_folder.parent) / f"{working_folder.name}.folder.lock")
    with _waited_for(lock, told=f"another process opens {working_folder}", quietly=1):
        yield


@contextmanager
def _waited_for(lock: FileLock, *, told: str, quietly: float = 0) -> Iterator[None]:
    """Hold a lock, and tell what for if more than `quietly` seconds are spent waiting."""
    try:
        lock.acquire(timeout=quietly)
    except Timeout:
        logger.info("waiting: %s", told)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _turn_between_machines(pipeline: dlt.Pipeline, deadline: Deadline) -> Iterator[None]:
    """The turn in the database, where that is PostgreSQL."""
    credentials = postgres_credentials(pipeline)
    if credentials is None:
        yield
        return
    from comms_source.destinations.postgres_turn import turn  # noqa: PLC0415 - needs psycopg2

    with turn(credentials, dataset=pipeline.dataset_name, deadline=deadline):
        yield


def _folder(pipeline: dlt.Pipeline) -> Path:
    return _made(Path(pipeline.pipelines_dir))


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"DLT_DATA_DIR: {folder} cannot be made ({error.strerror}); "
            "set it to a folder that may be written to"
        ) from None
    return folder


def _myself(program: str) -> dict[str, str]:
    return {"program": program, "process": str(os.getpid()), "since": to_iso(utc_now())}


def _told(holder: Path) -> str:
    try:
        told: Any = msgspec.json.decode(holder.read_bytes(), type=dict[str, str])
        return f"{told['program']} (process {told['process']}, since {told['since']})"
    except (OSError, LookupError, msgspec.MsgspecError):
        return "another run"
