"""What a run does with a destination depends on dlt's capabilities of it."""

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
    """The capabilities of one of dlt's destinations."""
    known: Any = Destination.from_reference(destination)
    return capabilities_of(known.capabilities())


@pytest.mark.parametrize("destination", ["duckdb", "ducklake", "postgres", "snowflake", "redshift"])
def test_dlt_keeps_histories_if_it_can(destination: str) -> None:
    """With its scd2, regardless of other strategies."""
    assert of(destination).histories == "scd2"


@pytest.mark.parametrize("table_format", ["delta", "iceberg"])
def test_histories_in_folders_are_merged(
    table_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such tables have upsert, but no scd2."""
    monkeypatch.setenv(SETTING, table_format)

    found = of("filesystem")

    found.check_merging()
    assert (found.histories, found.table_format) == ("merged", table_format)


def test_without_scd2_or_a_table_format_there_are_no_histories() -> None:
    """A vector store can merge rows, but its history cannot be read."""
    found = of("weaviate")

    found.check_merging()
    assert found.histories == "none"


@pytest.mark.parametrize("destination", ["filesystem", "athena"])
def test_a_destination_that_cannot_merge_is_refused(
    destination: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what to do instead, before any request is sent."""
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", "lake")

    with pytest.raises(ConfigurationError, match=r"table_format = \"delta\".*ducklake, duckdb"):
        open_pipeline(destination=destination)


@pytest.mark.parametrize(
    ("destination", "table_format", "said"),
    [
        ("duckdb", "delta", "no 'delta' tables, so remove the setting"),
        ("filesystem", "hudi", "no 'hudi' tables, but delta and iceberg"),
    ],
)
def test_an_unsupported_table_format_is_refused(
    destination: str, table_format: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would be ignored, or fail after everything had been read."""
    monkeypatch.setenv(SETTING, table_format)

    with pytest.raises(ConfigurationError, match=said):
        of(destination)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how to install it."""
    monkeypatch.setenv(SETTING, "delta")
    monkeypatch.setattr(module, "find_spec", lambda _: None)

    with pytest.raises(ConfigurationError, match=r"deltalake.*pip install 'comms-source\[lake\]'"):
        of("filesystem").check_installed()


def test_an_extension_that_duckdb_cannot_download_is_named() -> None:
    """The message says what to do, without the text of DuckDB's error."""
    message = (
        'while trying to install:\nFailed to download extension "delta" at URL "http://..."\n...'
    )

    with (
        pytest.raises(LoadFailed, match=r"its extension 'delta'.*docs/destinations\.md"),
        translate_dlt_errors(),
    ):
        raise DatabaseTransientException(Exception(message))
