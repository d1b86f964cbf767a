"""Servers, one scenario run per destination, and a table of the results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest

from tests.destinations.fakesnow import Fakesnow, running_fakesnow
from tests.destinations.mariadb import MariaDB, NoMariaDB, running_mariadb
from tests.destinations.places import PLACES, Environment, Place, configured, installed_home
from tests.destinations.s3 import S3, running_s3
from tests.destinations.scenario import Results, run_scenario

collect_ignore_glob = [] if find_spec("duckdb_extensions") else ["test_*.py"]
"""They run in their own environment: make destinations."""

CELLS: Final = "test_answers.py::test_"

GetResults = Callable[[str], Results]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with DuckDB's extensions installed, so that it downloads none."""
    return installed_home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """An S3 server."""
    with running_s3() as server:
        yield server


@pytest.fixture(scope="session")
def fakesnow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fakesnow]:
    """A server of fakesnow."""
    with running_fakesnow(tmp_path_factory.mktemp("fakesnow")) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """A MariaDB server; without its programs, the tests that need one are skipped."""
    try:
        with running_mariadb() as server:
            yield server
    except NoMariaDB as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def get_results(
    home: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> GetResults:
    """The results of the scenario in a destination; it runs once per destination."""
    finished: dict[str, Results | Exception] = {}

    def run_once(name: str) -> Results:
        if name not in finished:
            folder = tmp_path_factory.mktemp(name)
            finished[name] = _run(PLACES[name], folder=folder, home=home, request=request)
        results = finished[name]
        if isinstance(results, Exception):
            raise results
        return results

    return run_once


def _run(
    place: Place, *, folder: Path, home: Path, request: pytest.FixtureRequest
) -> Results | Exception:
    servers: dict[str, Any] = {need: request.getfixturevalue(need) for need in place.needs}
    environment = Environment(name=place.name, folder=folder, **servers)
    with configured(place.settings(environment), folder=folder, home=home), place.adapted():
        try:
            return run_scenario(place)
        except Exception as error:  # noqa: BLE001 - each test of this destination raises it
            return error


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests of one destination before those of the next."""
    order = {name: position for position, name in enumerate(PLACES)}
    places = {item: item.name.rpartition("[")[2].rstrip("]") for item in items}
    items.sort(key=lambda item: order.get(places[item], len(order)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a table of the test outcomes by feature and destination."""
    reports = {
        report.nodeid.partition(CELLS)[2]: outcome
        for outcome in ("passed", "failed", "error", "skipped")
        for report in terminalreporter.getreports(outcome)
        if CELLS in report.nodeid
    }
    cells = {tuple(name.rstrip("]").split("[", 1)): outcome for name, outcome in reports.items()}
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
