"""Who takes part: how each is started, and how to learn what it has read."""

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

from tests.bench.environments import python_for
from tests.bench.errors import BenchError
from tests.bench.measuring import Command
from tests.bench.servers import Served

FLOOR: Final = "floor"
OURS: Final = "ours"

Size = Literal["full", "slow", "trial"]
"""How many operations a participant reads: all, fewer, or whichever a trial suggests."""

_PEERS: Final = Path(__file__).with_name("peers")
_COUNTING: Final = Path(__file__).with_name("counting.py")
DATABASE: Final = "twilio_comms.duckdb"
_FOREIGN: Final = (
    "COMMS_", "DATASET", "DESTINATION", "DLT_", "EXTRACT_", "LOAD_", "NORMALIZE_", "PYTHON",
    "RUNTIME_", "SOURCES_", "TWILIO_",
)  # fmt: skip
"""How variables begin that would change what a participant does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run says of itself when it has ended well."""

    rows: int
    versions: Mapping[str, str]


class Participant(Protocol):
    """Somebody who reads the lists."""

    @property
    def name(self) -> str:
        """How the table calls it."""

    @property
    def note(self) -> str:
        """What it leaves behind, and where that cannot be compared."""

    @property
    def size(self) -> Size:
        """How many operations it reads."""

    def prepare(self, cache: Path) -> None:
        """Get ready, outside what is measured; what can be kept is kept below `cache`."""

    def command(self, *, served: Served, folder: Path) -> Command:
        """What to start so that it reads `served` into `folder`, which is empty."""

    def outcome(self, *, output: str, folder: Path) -> Outcome:
        """What it has read, after it has ended; it printed `output`."""


@dataclass(kw_only=True)
class Peer:
    """A script below `peers`, in an environment of its own."""

    name: str
    note: str
    size: Size = "full"

    def prepare(self, cache: Path) -> None:
        """Make its environment, unless there is one."""
        requirements = _PEERS / f"{self.name}.txt"
        self._python = python_for(name=self.name, requirements=requirements, cache=cache)

    def command(self, *, served: Served, folder: Path) -> Command:
        """Its script, told where to read and write."""
        script = _PEERS / f"{self.name}.py"
        told = (served.url, served.user, served.password, str(folder))
        environment = clean_environment(home=folder) | {"BENCH_NOW": served.now.isoformat()}
        return Command(
            argv=(str(self._python), str(script), *told), environment=environment, folder=folder
        )

    def outcome(self, *, output: str, folder: Path) -> Outcome:  # noqa: ARG002 - it tells itself
        """What its last line says."""
        said = json.loads(output.strip().rpartition("\n")[2])
        return Outcome(rows=said["rows"], versions=said["versions"])


@dataclass(kw_only=True)
class Ours:
    """`comms load`, as it is installed beside the Python that runs the benchmark."""

    name: str = OURS
    note: str
    size: Size = "full"

    def prepare(self, cache: Path) -> None:  # noqa: ARG002 - nothing of it is kept
        """Find the command."""
        find_comms()

    def command(self, *, served: Served, folder: Path) -> Command:
        """A first load in a project folder with nothing in it."""
        return comms("load", served=served, folder=folder)

    def outcome(self, *, output: str, folder: Path) -> Outcome:  # noqa: ARG002 - it is looked up
        """What its database holds."""
        counted = subprocess.run(
            [sys.executable, str(_COUNTING), str(folder / DATABASE)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        versions = {name: version(name) for name in ("comms-source", "dlt", "duckdb")}
        return Outcome(rows=int(counted.stdout), versions=versions)


def find_comms() -> Path:
    """The command of this project beside the Python that runs the benchmark.

    Raises:
        BenchError: if it is not installed there.
    """
    command = Path(sys.executable).with_name("comms")
    if not command.exists():
        raise BenchError(
            f"There is no command comms beside {sys.executable}; install this project there with "
            "pip install '.[sandbox]', or leave it out with --only."
        )
    return command


def comms(*arguments: str, served: Served, folder: Path) -> Command:
    """One of this project's commands in a project folder, with default settings."""
    environment = clean_environment(home=folder) | {
        "TWILIO_ACCOUNT_SID": served.user,
        "TWILIO_AUTH_TOKEN": served.password,
        "SOURCES__COMMS_SOURCE__BASE_URL": served.url,
        "DLT_DATA_DIR": str(folder / "dlt-data"),
    }
    return Command(argv=(str(find_comms()), *arguments), environment=environment, folder=folder)


def clean_environment(*, home: Path) -> dict[str, str]:
    """This process's environment without settings of its user, and without a proxy on the way."""
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
    Ours(
        note="Merges into DuckDB tables by id; keeps a coverage of what was read and makes views."
    ),
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
    """The participants of these names, or all, in the table's order.

    Raises:
        BenchError: if there is none of a name.
    """
    known = [participant.name for participant in PARTICIPANTS]
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise BenchError(
            f"There is no participant {', '.join(unknown)}; choose from {', '.join(known)}."
        )
    return [one for one in PARTICIPANTS if names is None or one.name in names]
