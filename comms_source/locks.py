"""One run at a time on one destination: a lock that ends with its process, however that ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dlt
import msgspec
from filelock import FileLock, Timeout

from comms_source.errors import PipelineBusy
from comms_source.session import utc_now
from comms_source.windows import to_iso


@contextmanager
def only_run(pipeline: dlt.Pipeline, *, command: str) -> Iterator[None]:
    """Hold the pipeline's lock for the length of the block.

    Raises:
        PipelineBusy: if another run holds it; it says which.
    """
    folder = Path(pipeline.pipelines_dir)
    folder.mkdir(parents=True, exist_ok=True)
    # The lock's own file is emptied by whoever tries to take it, so the holder is told beside it.
    lock, holder = FileLock(folder / "run.lock"), folder / "run.holder.json"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise PipelineBusy(
            f"{_told(holder)} is at work on this destination; "
            "wait for it to end, or look at that process if it should have ended"
        ) from None
    try:
        holder.write_bytes(msgspec.json.encode(_myself(command)))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _myself(command: str) -> dict[str, str]:
    return {"command": command, "process": str(os.getpid()), "since": to_iso(utc_now())}


def _told(holder: Path) -> str:
    try:
        told = msgspec.json.decode(holder.read_bytes(), type=dict[str, str])
        return f"comms {told['command']} (process {told['process']}, since {told['since']})"
    except (OSError, LookupError, msgspec.MsgspecError):
        return "another run"
