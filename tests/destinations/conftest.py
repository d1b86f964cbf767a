"""Servers that run once, one life for each destination, and the table of what held where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest

from tests.destinations.life import Life, lived
from tests.destinations.places import PLACES, Place, Surroundings, installed_home, settled
from tests.destinations.s3 import S3, running_s3

collect_ignore_glob = [] if find_spec("duckdb_extensions") else ["test_*.py"]
"""They run in an environment of their own: make destinations."""

CELLS: Final = "test_answers.py::test_"

Lives = Callable[[str], Life]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder in which DuckDB has its extensions, so that it downloads none."""
    return installed_home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """An S3 server."""
    with running_s3() as server:
        yield server


@pytest.fixture(scope="session")
def lives(
    home: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Lives:
    """The life of a warehouse in each place, lived once."""
    done: dict[str, Life | Exception] = {}

    def live(name: str) -> Life:
        if name not in done:
            folder = tmp_path_factory.mktemp(name)
            done[name] = _lived(PLACES[name], folder=folder, home=home, request=request)
        life = done[name]
        if isinstance(life, Exception):
            raise life
        return life

    return live


def _lived(
    place: Place, *, folder: Path, home: Path, request: pytest.FixtureRequest
) -> Life | Exception:
    servers: dict[str, Any] = {need: request.getfixturevalue(need) for need in place.needs}
    around = Surroundings(name=place.name, folder=folder, **servers)
    with settled(place.settings(around), folder=folder, home=home):
        try:
            return lived(place)
        except Exception as error:  # noqa: BLE001 - every cell of this destination is to tell
            return error


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ask all of one life before the next one begins."""
    order = {name: position for position, name in enumerate(PLACES)}
    items.sort(key=lambda item: order.get(item.name.rpartition("[")[2].rstrip("]"), len(order)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which answer held in which destination."""
    told = {
        report.nodeid.partition(CELLS)[2]: outcome
        for outcome in ("passed", "failed", "error", "skipped")
        for report in terminalreporter.getreports(outcome)
        if CELLS in report.nodeid
    }
    cells = {tuple(name.rstrip("]").split("[", 1)): outcome for name, outcome in told.items()}
    features = dict.fromkeys(feature for feature, _ in cells)
    if not features:
        return
    places = [name for name in PLACES if any(where.startswith(name) for _, where in cells)]
    width = max(map(len, features))
    terminalreporter.section("destination by feature")
    terminalreporter.write_line(" ".join([" " * width, *places]))
    for feature in features:
        marks = [f"{cells.get((feature, name), '-'):<{len(name)}}" for name in places]
        terminalreporter.write_line(" ".join([f"{feature:<{width}}", *marks]).replace("_", " "))
