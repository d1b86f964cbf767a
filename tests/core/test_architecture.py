"""The folders as docs/architecture.md draws them, and what the package exports."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import grimp
import pytest

import comms_source

ROOT = Path(__file__).parents[2]
VOCABULARY = {"channels", "timespans", "errors", "words"}


@cache
def arrows() -> dict[str, set[str]]:
    """Which folders, or files at the root of the package, each of them imports."""
    graph = grimp.build_graph("comms_source", exclude_type_checking_imports=True)
    found: dict[str, set[str]] = defaultdict(set)
    for module in graph.modules - {"comms_source"}:
        home = module.split(".")[1]
        for imported in graph.find_modules_directly_imported_by(module) - {"comms_source"}:
            found[home].add(imported.split(".")[1])
    return {home: there - {home} for home, there in found.items()}


def test_the_table_of_folders_is_true() -> None:
    """Each row of docs/architecture.md lists exactly what the folder imports."""
    page = (ROOT / "docs/architecture.md").read_text()
    table = page.split("## The folders")[1].split("\n\n")[1]
    rows = re.findall(r"^\| `([\w.]+)` \|.*\| (.+) \|$", table, flags=re.MULTILINE)
    drawn = {name.removesuffix(".py"): set(re.findall(r"`(\w+)`", cell)) for name, cell in rows}

    assert drawn == {
        home: arrows().get(home, set()) - VOCABULARY
        for home in arrows().keys() | drawn.keys()
        if home not in VOCABULARY
    }


def test_the_longest_chain_of_folders_is_as_documented() -> None:
    """Counted in folders and root files, the vocabulary as one."""

    @cache
    def longest(home: str) -> int:
        below = {name if name not in VOCABULARY else "words" for name in arrows().get(home, set())}
        if home in VOCABULARY:
            return 1
        return 1 + max((longest(name) for name in below), default=0)

    page = (ROOT / "docs/architecture.md").read_text()
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]

    length = max(longest(home) for home in arrows())
    assert f"The longest chain of folders is {words[length]}:" in page


def test_the_package_has_at_most_twenty_entries() -> None:
    """So that one look at it shows the architecture."""
    package = Path(comms_source.__file__).parent
    packed = {"__pycache__", "sql", "project"}  # The last two are in a wheel only.
    entries = {path.name for path in package.iterdir()} - packed

    assert len(entries) <= 20


def test_the_public_names_are_those_that_are_documented() -> None:
    """All can be imported, none is missing, and they are sorted."""
    assert comms_source.__all__ == sorted(comms_source.__all__)
    assert set(comms_source.__all__) == {
        "CommsSourceError",
        "ConfigurationError",
        "CredentialsRefused",
        "FetchSummary",
        "LoadFailed",
        "LoadPlan",
        "RejectedRows",
        "RunStopped",
        "RunSummary",
        "Status",
        "TwilioCredentials",
        "__version__",
        "acknowledge",
        "backfill",
        "comms_source",
        "fetch",
        "list_accounts",
        "load",
        "make_views",
        "plan",
        "rejected",
        "status",
    }
    assert all(getattr(comms_source, name) for name in comms_source.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        comms_source.nothing  # noqa: B018 - asking is the test


DOCUMENTED = {
    "dlt",
    "dlt.common.configuration",
    "dlt.common.configuration.container",
    "dlt.common.configuration.exceptions",
    "dlt.common.configuration.specs",
    "dlt.common.configuration.utils",
    "dlt.common.destination",
    "dlt.common.destination.exceptions",
    "dlt.common.pipeline",
    "dlt.common.schema.typing",
    "dlt.common.time",
    "dlt.common.typing",
    "dlt.destinations.exceptions",
    "dlt.extract",
    "dlt.pipeline.exceptions",
}


def test_the_internals_of_dlt_are_imported_in_one_file() -> None:
    """An upgrade of dlt has one file to compare; all others keep to what users of dlt import."""
    imported: dict[str, set[str]] = {}
    for file in (ROOT / "comms_source").rglob("*.py"):
        for name in re.findall(r"^\s*from (dlt[\w.]*) import", file.read_text(), re.MULTILINE):
            imported.setdefault(name, set()).add(file.name)

    internal = {file for name in imported.keys() - DOCUMENTED for file in imported[name]}
    assert internal == {"dlt_internals.py"}
