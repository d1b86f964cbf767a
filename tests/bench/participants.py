"""The participants: how each is started, and how its result is read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal, Protocol

from tests.bench.environments import comms_in, python_for
from tests.bench.errors import BenchError
from tests.bench.measuring import Command
from tests.bench.servers import Served

FLOOR: Final = "floor"
OURS: Final = "ours"

Size = Literal["full", "slow", "trial"]
"""How many operations a participant reads: all, fewer, or as decided by a trial run."""

_PEERS: Final = Path(__file__).with_name("peers")
_COUNTING: Final = Path(__file__).with_name("counting.py")
DATABASE: Final = "twilio_comms.duckdb"
_FOREIGN: Final = (
    "COMMS_", "DATASET", "DESTINATION", "DLT_", "EXTRACT_", "LOAD_", "NORMALIZE_", "PYTHON",
    "RUNTIME_", "SOURCES_", "TWILIO_",
)  # fmt: skip
"""Prefixes of environment variables that would affect a participant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a successful run."""

    rows: int
    versions: Mapping[str, str]


class Participant(Protocol):
    """A program that reads the lists."""

    @property
    def name(self) -> str:
        """Its name in the table."""

    @property
    def note(self) -> str:
        """What it produces, and what cannot be compared."""

    @property
    def size(self) -> Size:
        """How many operations it reads."""

    def prepare(self, cache: Path) -> None:
        """Prepare before the measurement; reusable files go below `cache`."""

    def command(self, *, served: Served, folder: Path) -> Command:
        """The command that reads `served` into the empty `folder`."""

    def outcome(self, *, output: str, folder: Path) -> Outcome:
        """The result of a run that printed `output`."""


@dataclass(kw_only=True)
class Peer:
    """A script below `peers`, in its own environment."""

    name: str
    note: str
    size: Size = "full"

    def prepare(self, cache: Path) -> None:
        """Create its environment, unless it exists."""
        requirements = _PEERS / f"{self.name}.txt"
        self._python = python_for(name=self.name, requirements=requirements, cache=cache)

    def command(self, *, served: Served, folder: Path) -> Command:
        """Its script, with the arguments where to read and write."""
        script = _PEERS / f"{self.name}.py"
        arguments = (served.url, served.user, served.password, str(folder))
        environment = clean_environment(home=folder) | {"BENCH_NOW": served.now.isoformat()}
        return Command(
            argv=(str(self._python), str(script), *arguments),
            environment=environment,
            folder=folder,
        )

    def outcome(self, *, output: str, folder: Path) -> Outcome:  # noqa: ARG002 - in the output
        """The result in its last line."""
        result = json.loads(output.strip().rpartition("\n")[2])
        return Outcome(rows=result["rows"], versions=result["versions"])


@dataclass(kw_only=True)
class Ours:
    """`comms load`, in an environment with what its users install."""

    name: str = OURS
    note: str
    size: Size = "full"

    def prepare(self, cache: Path) -> None:
        """Create its environment, unless it exists."""
        self._command = comms_in(cache)

    def command(self, *, served: Served, folder: Path) -> Command:
        """A first load in an empty project folder."""
        return comms(self._command, "load", served=served, folder=folder)

    def outcome(self, *, output: str, folder: Path) -> Outcome:  # noqa: ARG002 - in the database
        """The number of operations in its database."""
        counted = subprocess.run(
            [sys.executable, str(_COUNTING), str(folder / DATABASE)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        versions = {name: version(name) for name in ("comms-source", "dlt", "duckdb")}
        return Outcome(rows=int(counted.stdout), versions=versions)


def comms(program: Path, *arguments: str, served: Served, folder: Path) -> Command:
    """One of this project's commands in a project folder, with default settings."""
    environment = clean_environment(home=folder) | {
        "TWILIO_ACCOUNT_SID": served.user,
        "TWILIO_AUTH_TOKEN": served.password,
        "SOURCES__COMMS_SOURCE__BASE_URL": served.url,
        "DLT_DATA_DIR": str(folder / "dlt-data"),
    }
    return Command(argv=(str(program), *arguments), environment=environment, folder=folder)


def clean_environment(*, home: Path) -> dict[str, str]:
    """This process's environment without the user's settings and without a proxy."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(_FOREIGN)}
    return kept | {
        "HOME": str(home),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }


PARTICIPANTS: Final[tuple[Participant, ...]] = (
    Peer(
        name=FLOOR,
        note="Saves pages and has DuckDB parse them into three tables; no retries, checks, state "
        "or merge.",
    ),
    Ours(note="Merges into DuckDB tables by id; records coverage and creates views."),
    Peer(
        name="rest_api_tuned",
        note="Merges into DuckDB tables by id; keeps no cursor, so each run reads all.",
    ),
    Peer(
        name="rest_api_default",
        size="slow",
        note="As rest_api_tuned, with no setting touched.",
    ),
    Peer(
        name="singer_tap",
        size="trial",
        note="Writes Singer messages to a file; loads no database.",
    ),
    Peer(
        name="airbyte_manifest",
        size="trial",
        note="Writes Airbyte messages to a file; loads no database.",
    ),
)


def chosen(names: list[str] | None) -> list[Participant]:
    """The participants with these names, or all, in the order of the table.

    Raises:
        BenchError: if a name is unknown.
    """
    known = [participant.name for participant in PARTICIPANTS]
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise BenchError(
            f"There is no participant {', '.join(unknown)}; choose from {', '.join(known)}."
        )
    return [one for one in PARTICIPANTS if names is None or one.name in names]
