"""The sandboxes that participants read from: one process per offer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from comms_source.channels import CHANNELS
from tests.bench.errors import BenchError

SERVE: Final = Path(__file__).with_name("serve.py")
END_SECONDS: Final = 20
_USER_TICKS: Final = 11
_SYSTEM_TICKS: Final = 12


@dataclass(frozen=True, slots=True)
class Offer:
    """The properties of a sandbox."""

    operations: int
    """The approximate number of operations in its lists, over all channels."""
    channels: tuple[str, ...] = tuple(CHANNELS)
    latency: float = 0.0
    """Seconds before each answer."""
    rate_limit: float | None = None
    """Requests per second, beyond which the response is 429."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running sandbox."""

    pid: int
    url: str
    user: str
    password: str
    now: datetime
    """When its lists were rendered, in UTC."""
    rows: int
    """The number of operations in its lists."""


class Servers:
    """Starts each sandbox when it is first requested; all end with the `with` block."""

    def __enter__(self) -> Self:
        self._open = ExitStack()
        self._served: dict[Offer, Served] = {}
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def of(self, offer: Offer) -> Served:
        """The sandbox for an offer."""
        if offer not in self._served:
            self._served[offer] = self._open.enter_context(_serving(offer))
        return self._served[offer]


@contextmanager
def _serving(offer: Offer) -> Iterator[Served]:
    process = subprocess.Popen(
        [sys.executable, str(SERVE), json.dumps(asdict(offer))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # an interrupt is for the benchmark, which ends the server
    )
    try:
        yield _await_ready(process)
    finally:
        _end(process)


def _await_ready(process: subprocess.Popen[str]) -> Served:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise BenchError(
            "The sandbox did not start; see above. It needs this project to be installed with its "
            "extra: pip install '.[sandbox]'."
        )
    info = json.loads(line)
    return Served(pid=process.pid, **info | {"now": datetime.fromisoformat(info["now"])})


def _end(process: subprocess.Popen[str]) -> None:
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cpu_seconds(pid: int) -> float | None:
    """The CPU seconds of a running process so far, over all cores; None without /proc."""
    file = Path(f"/proc/{pid}/stat")
    if not file.exists():
        return None
    # The program's name, in brackets, may contain anything; numbers follow it.
    fields = file.read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")
