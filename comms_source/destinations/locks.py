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

import dlt
import msgspec
from filelock import FileLock, Timeout

from comms_source.config.waits import Deadline, load_deadline
from comms_source.destinations.postgres import postgres_credentials
from comms_source.errors import ConfigurationError, PipelineBusy
from comms_source.timespans import SECOND, align_down, to_iso, utc_now

logger = logging.getLogger("comms_source")


@contextmanager
def exclusive_run(pipeline: dlt.Pipeline, *, command: str) -> Iterator[None]:
    """Allow no other run of the pipeline, and so of its account, on this machine.

    Raises:
        PipelineBusy: if another run is in progress; the message names it.
    """
    lock = _NamedLock(_folder(pipeline), pipeline.pipeline_name, program=f"comms {command}")
    if not lock.acquired(within=0):
        raise PipelineBusy(
            f"another run is in progress: {lock.holder}. Wait for it, or stop it if it is stuck."
        )
    with lock.held():
        yield


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
    lock = _NamedLock(folder, "load", program="comms")
    if not lock.acquired(within=0):
        logger.info("waiting: another run is loading: %s", lock.holder)
        if not lock.acquired(within=deadline.left):
            raise PipelineBusy(
                f"another run is still loading: {lock.holder}. Gave up after max_load_wait "
                f"({deadline.allowed}). What was read is kept: load again later, or stop that run "
                "if it is stuck.",
                waited=True,
            )
    with lock.held():
        yield


class _NamedLock:
    """A lock with a file beside it that names its holder.

    The lock file itself cannot: each process that tries to lock it truncates it.
    """

    def __init__(self, folder: Path, name: str, *, program: str) -> None:
        self._lock = FileLock(folder / f"{name}.lock")
        self._holder = folder / f"{name}.holder.json"
        self._program = program

    def acquired(self, *, within: float) -> bool:
        """Whether the lock could be taken within so many seconds."""
        try:
            self._lock.acquire(timeout=within)
        except Timeout:
            return False
        return True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Name this process as the holder; release the lock in the end."""
        since = to_iso(align_down(utc_now(), SECOND))
        by = {"program": self._program, "process": str(os.getpid()), "since": since}
        try:
            self._holder.write_bytes(msgspec.json.encode(by))
            yield
        finally:
            self._holder.unlink(missing_ok=True)
            self._lock.release()

    @property
    def holder(self) -> str:
        """Who has it, such as `comms load (PID 12, started 2026-11-20T12:00:00Z)`."""
        try:
            by = msgspec.json.decode(self._holder.read_bytes(), type=dict[str, str])
            return f"{by['program']} (PID {by['process']}, started {by['since']})"
        except (OSError, LookupError, msgspec.MsgspecError):
            return "an unknown process"


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
    try:
        lock.acquire(timeout=1)
    except Timeout:
        logger.info("waiting: another process opens %s", working_folder)
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
