"""Locks between runs on one destination; each is released when its process ends.

Only one run of a pipeline, and so of an account, may be in progress: a second one fails. Only one
run loads at a time: others wait for their turn. Opening a pipeline waits while another process is
creating it. These locks work on one machine; the turn to load on PostgreSQL works between machines.
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
    """Allow no other run of the pipeline, and so of its account, on this machine.

    Raises:
        PipelineBusy: if another run is in progress; the message names it.
    """
    folder, name = _folder(pipeline), pipeline.pipeline_name
    lock, holder = FileLock(folder / f"{name}.lock"), folder / f"{name}.holder.json"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise PipelineBusy(
            f"another run is in progress: {_described(holder)}. "
            "Wait for it, or stop it if it is stuck."
        ) from None
    with _named(lock, holder, program=f"comms {command}"):
        yield


@contextmanager
def _named(lock: FileLock, holder: Path, *, program: str) -> Iterator[None]:
    """Hold an acquired lock, and write its holder to a file next to it.

    The lock file itself cannot name the holder: each process that tries to lock it truncates it.
    """
    try:
        holder.write_bytes(msgspec.json.encode(_this_process(program)))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


@contextmanager
def in_turn(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Wait until no other run loads into the destination; other runs wait for this one.

    Two loads at once could both find a row missing and both insert it, or both create a table.

    Raises:
        PipelineBusy: if another run is still loading after `max_load_wait`; the message names it.
        LoadFailed: if the connection to the destination is lost.
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
        logger.info("waiting: another run is loading: %s", _described(holder))
        _acquire(lock, holder, deadline)
    with _named(lock, holder, program="comms"):
        yield


def _acquire(lock: FileLock, holder: Path, deadline: Deadline) -> None:
    try:
        lock.acquire(timeout=deadline.left)
    except Timeout:
        raise PipelineBusy(
            f"another run is still loading: {_described(holder)}. Gave up after max_load_wait "
            f"({deadline.allowed}). What was read is kept: load again later, or stop that run if "
            "it is stuck.",
            waited=True,
        ) from None


@contextmanager
def alone_in(working_folder: Path) -> Iterator[None]:
    """Wait until no other process opens the pipeline in this folder; other processes wait too.

    dlt empties the folder of a pipeline that has no state yet, even while another process is
    creating it. A process that can only read the folder cannot empty it, and does not wait.

    Raises:
        ConfigurationError: if the folder cannot be created.
    """
    if working_folder.exists() and not os.access(working_folder, os.W_OK):
        yield
        return
    lock = FileLock(_created(working_folder.parent) / f"{working_folder.name}.folder.lock")
    with _waiting_for(lock, message=f"another process opens {working_folder}", log_after=1):
        yield


@contextmanager
def _waiting_for(lock: FileLock, *, message: str, log_after: float) -> Iterator[None]:
    """Wait for a lock and hold it; log `message` if that takes more than `log_after` seconds."""
    try:
        lock.acquire(timeout=log_after)
    except Timeout:
        logger.info("waiting: %s", message)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _turn_between_machines(pipeline: dlt.Pipeline, deadline: Deadline) -> Iterator[None]:
    """The lock in the database, if it is PostgreSQL."""
    credentials = postgres_credentials(pipeline)
    if credentials is None:
        yield
        return
    from comms_source.destinations.postgres_load_lock import turn  # noqa: PLC0415 - needs psycopg2

    with turn(credentials, dataset=pipeline.dataset_name, deadline=deadline):
        yield


def _folder(pipeline: dlt.Pipeline) -> Path:
    return _created(Path(pipeline.pipelines_dir))


def _created(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"DLT_DATA_DIR: {folder} cannot be created ({error.strerror}); "
            "set it to a writable folder"
        ) from None
    return folder


def _this_process(program: str) -> dict[str, str]:
    return {
        "program": program,
        "process": str(os.getpid()),
        "since": to_iso(utc_now().replace(microsecond=0)),
    }


def _described(holder: Path) -> str:
    """The process that has a lock, such as `comms load (PID 12, started 2026-11-20T12:00:00Z)`."""
    try:
        by: Any = msgspec.json.decode(holder.read_bytes(), type=dict[str, str])
        return f"{by['program']} (PID {by['process']}, started {by['since']})"
    except (OSError, LookupError, msgspec.MsgspecError):
        return "an unknown process"
