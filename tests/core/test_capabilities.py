"""What is done with a destination follows from what dlt says that it can do."""

from __future__ import annotations

from typing import Any

import pytest
from dlt.common.destination import Destination
from dlt.destinations.exceptions import DatabaseTransientException

from comms_source.destinations import capabilities as module
from comms_source.destinations.capabilities import Capabilities, capabilities_of
from comms_source.destinations.dlt_errors import translate_dlt_errors
from comms_source.destinations.pipeline import open_pipeline
from comms_source.errors import ConfigurationError, LoadFailed

SETTING = "SOURCES__COMMS_SOURCE__TABLE_FORMAT"


def of(destination: str) -> Capabilities:
    """The abilities of one of dlt's destinations."""
    known: Any = Destination.from_reference(destination)
    return capabilities_of(known.capabilities())


@pytest.mark.parametrize("destination", ["duckdb", "ducklake", "postgres", "snowflake", "redshift"])
def test_where_dlt_keeps_histories_it_keeps_them(destination: str) -> None:
    """By its scd2, whatever else the destination can do."""
    assert of(destination).histories == "scd2"


@pytest.mark.parametrize("table_format", ["delta", "iceberg"])
def test_tables_in_folders_get_their_histories_merged(
    table_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have upsert, and no scd2."""
    monkeypatch.setenv(SETTING, table_format)

    able = of("filesystem")

    able.check_merging()
    assert (able.histories, able.table_format) == ("merged", table_format)


def test_where_nobody_can_read_the_history_there_is_none() -> None:
    """A vector store merges rows, and is not asked for any."""
    able = of("weaviate")

    able.check_merging()
    assert able.histories == "none"


@pytest.mark.parametrize("destination", ["filesystem", "athena"])
def test_a_destination_that_cannot_merge_is_refused(
    destination: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what to do instead is said, before anything is asked for."""
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", "lake")

    with pytest.raises(ConfigurationError, match=r"table_format = \"delta\".*ducklake, duckdb"):
        open_pipeline(destination=destination)


@pytest.mark.parametrize(
    ("destination", "table_format", "said"),
    [
        ("duckdb", "delta", "no 'delta' tables, so leave the setting out"),
        ("filesystem", "hudi", "no 'hudi' tables, but delta and iceberg"),
    ],
)
def test_a_table_format_that_is_not_there_is_refused(
    destination: str, table_format: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be left out silently otherwise, or fail when everything had been read."""
    monkeypatch.setenv(SETTING, table_format)

    with pytest.raises(ConfigurationError, match=said):
        of(destination)


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what installs it."""
    monkeypatch.setenv(SETTING, "delta")
    monkeypatch.setattr(module, "find_spec", lambda _: None)

    with pytest.raises(ConfigurationError, match=r"deltalake.*pip install 'comms-source\[lake\]'"):
        of("filesystem").check_installed()


def test_an_extension_that_duckdb_cannot_download_is_named() -> None:
    """With what to do about it, and no page of DuckDB's own."""
    told = 'while trying to install:\nFailed to download extension "delta" at URL "http://..."\n...'

    with (
        pytest.raises(LoadFailed, match=r"its extension 'delta'.*docs/destinations\.md"),
        translate_dlt_errors(),
    ):
        raise DatabaseTransientException(Exception(told))
