"""The files that comms init writes and docs/destinations.md prints work as they are printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import dlt
import pytest

from comms_source.config.resolve import resolve_settings
from comms_source.destinations.capabilities import TABLE_FORMAT
from comms_source.destinations.names import configuration_of, name_of_dataset
from comms_source.errors import ConfigurationError
from tests.config.conftest import Configure

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/destinations.md").read_text(encoding="utf-8")
_BLOCK: Final = re.compile(r"```toml\n# \.dlt/(\w+)\.toml\n(.+?)```", re.DOTALL)


def documented() -> Iterator[tuple[str, dict[str, str]]]:
    """Each configuration of the page: its title, and its files; a second config.toml begins one."""
    for section in PAGE.split("\n## ")[1:]:
        files: dict[str, str] = {}
        for name, text in _BLOCK.findall(section):
            if name in files:
                yield section.split("\n")[0], files
                files = {}
            files[name] = text
        if files:
            yield section.split("\n")[0], files


CONFIGURATIONS: Final = list(documented())


def resolved() -> Any:
    """The configuration of the destination that is configured."""
    destination = dlt.config.get("destination_type", str) or "duckdb"
    name_of_dataset(destination, dataset="comms", pipeline="twilio_comms")
    return configuration_of(destination, dataset="comms", pipeline="twilio_comms")


@pytest.mark.parametrize(
    ("title", "files"), CONFIGURATIONS, ids=[f"{title}" for title, _ in CONFIGURATIONS]
)
def test_a_documented_configuration_is_read(
    title: str, files: dict[str, str], configure: Configure
) -> None:
    """By dlt, from exactly these files, and the dataset's name does not clash with the database."""
    if title == "MariaDB and SQLite":
        pytest.importorskip("sqlalchemy")
    configure(**files)

    shown = str(resolved())

    assert any(word in shown for word in ("/data", "db.example.com", "my-bucket")), (title, shown)


def test_each_destination_of_the_page_is_documented() -> None:
    """Every block of TOML names its file, and is used above."""
    titles = [title for title, _ in CONFIGURATIONS]

    assert titles == [
        *("DuckDB", "PostgreSQL", "DuckLake", "DuckLake", "Delta", "Delta"),
        *("MariaDB and SQLite", "MariaDB and SQLite"),
    ]
    assert PAGE.count("```toml") == sum(len(files) for _, files in CONFIGURATIONS)


def test_a_lake_gets_its_format(configure: Configure) -> None:
    """The section that the page prints sets it."""
    configure(**next(files for title, files in CONFIGURATIONS if title == "Delta"))

    assert dlt.config[TABLE_FORMAT] == "delta"


def test_the_secrets_of_the_template_are_read(configure: Configure) -> None:
    """With its lines for one account and for the DuckDB file, filled in and uncommented."""
    example = (ROOT / ".dlt/example.secrets.toml").read_text(encoding="utf-8")
    config = (ROOT / ".dlt/config.toml").read_text(encoding="utf-8")
    filled = example.replace('"SK..."', '"SKme"', 1).replace('"..."', '"mine"', 1)
    start = filled.index("# [destination.duckdb]")
    ours = filled[:start] + filled[start:].replace("# ", "").replace("twilio_comms", "ours")
    configure(config=config, secrets=ours)

    assert resolve_settings().credentials.user == "SKme"
    assert resolved().credentials.database.endswith("/ours.duckdb")


def test_the_template_is_not_taken_for_credentials(configure: Configure) -> None:
    """If it was copied and not filled in."""
    configure(secrets=(ROOT / ".dlt/example.secrets.toml").read_text(encoding="utf-8"))

    with pytest.raises(ConfigurationError, match="api_key is still the example's"):
        resolve_settings()


def test_credentials_in_config_toml_are_reported(configure: Configure) -> None:
    """Even where they are only a file's name, since dlt refuses them there."""
    configure(config='[destination.duckdb]\ncredentials = "mine.duckdb"\n')

    with pytest.raises(ConfigurationError) as raised:
        resolved()

    assert str(raised.value) == (
        "destination.duckdb.credentials: dlt does not take it from config.toml, since it may hold "
        "a secret; move it into .dlt/secrets.toml, or set DESTINATION__DUCKDB__CREDENTIALS"
    )
