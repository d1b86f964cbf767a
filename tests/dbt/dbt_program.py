"""dbt as a program, run in a project's folder, and what it says of each node.

It comes from the environment that DBT_ENVIRONMENT names: make dbt.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

PROGRAM: Final = Path(os.environ.get("DBT_ENVIRONMENT", "nowhere")).absolute() / "bin" / "dbt"
GUARD: Final = Path(__file__).parent / "guard"
LIMIT: Final = 180.0
"""Seconds within which one command must end."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    exit_code: int
    output: str
    statuses: Mapping[str, str]
    """What became of each node: by the names of tests, models and sources."""

    def of_status(self, *statuses: str) -> set[str]:
        """The nodes with one of these statuses."""
        return {name for name, status in self.statuses.items() if status in statuses}


@dataclass(frozen=True, slots=True)
class Dbt:
    """A dbt project, and the database that it runs on."""

    folder: Path
    environment: Mapping[str, str]
    variables: dict[str, Any] = field(default_factory=dict)

    def run(self, *command: str, **variables: Any) -> Ran:
        """Run a command with these variables too."""
        given = json.dumps({**self.variables, **variables})
        # dbt parses everything again if variables change, so each set of them has its own folder.
        target = self.folder / f"target_{sha256(given.encode()).hexdigest()[:8]}"
        results = target / ("sources.json" if "freshness" in command else "run_results.json")
        results.unlink(missing_ok=True)
        options = () if "deps" in command else ("--vars", given, "--target-path", str(target))
        refused = self.folder / "refused.txt"
        done = subprocess.run(
            [PROGRAM, "--no-use-colors", *command, *options],
            cwd=self.folder,
            env={**self._surroundings(), "REFUSED_CONNECTIONS": str(refused)},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert not refused.exists(), refused.read_text(encoding="utf-8")
        assert done.returncode in {0, 1, 2}, done.stderr
        return Ran(done.returncode, done.stdout + done.stderr, _statuses(results))

    def _surroundings(self) -> dict[str, str]:
        home = str(self.folder.parent)
        return {"HOME": home, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(GUARD), **self.environment}


def _statuses(file: Path) -> dict[str, str]:
    """The status of each node, by its name in the project."""
    if not file.exists():
        return {}
    results = json.loads(file.read_text(encoding="utf-8"))["results"]
    return {_name(each["unique_id"]): each["status"] for each in results}


def _name(unique_id: str) -> str:
    """`test.comms_source.no_new_gaps` is `no_new_gaps`; a source keeps the name of its table."""
    kind, _, *names = unique_id.split(".")
    return names[-1] if kind == "source" else names[0]
