"""The destinations of the tests, each with its settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final, Literal

from tests.destinations.fakesnow import ENVIRONMENT, Fakesnow
from tests.destinations.mariadb import MariaDB
from tests.destinations.redshift import adapted_to_postgres, prepare
from tests.destinations.s3 import KEY, REGION, S3, SECRET
from tests.postgres import Postgres

Server = Literal["fakesnow", "mariadb", "postgres", "s3"]
Settings = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The folder of a destination, and its servers if it needs them."""

    name: str
    folder: Path
    fakesnow: Fakesnow | None = None
    mariadb: MariaDB | None = None
    postgres: Postgres | None = None
    s3: S3 | None = None

    def database(self) -> str:
        """The URL of an empty database."""
        assert self.postgres
        return self.postgres.make_database(f"of-{self.name}")

    def bucket(self) -> str:
        """The URL of an empty bucket."""
        assert self.s3
        return self.s3.make_bucket(self.name)

    def on_s3(self, prefix: str) -> Settings:
        """The settings for the S3 server, for the section with this prefix."""
        assert self.s3
        return {
            f"{prefix}__AWS_ACCESS_KEY_ID": KEY,
            f"{prefix}__AWS_SECRET_ACCESS_KEY": SECRET,
            f"{prefix}__REGION_NAME": REGION,
            f"{prefix}__ENDPOINT_URL": self.s3.url,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One kind of destination."""

    name: str
    destination: str
    settings: Callable[[Environment], Settings]
    needs: frozenset[Server] = frozenset()
    is_lake: bool = False
    """Whether it holds tables only, and the reader creates the views."""
    has_views: bool = True
    """Whether the views are written for it, in it or by the reader."""
    adapted: Callable[[], AbstractContextManager[None]] = nullcontext
    """Adapts dlt to a stand-in, in each process that loads."""


def _redshift(environment: Environment) -> Settings:
    url = environment.database()
    prepare(url)
    return {"DESTINATION__REDSHIFT__CREDENTIALS": url}


def _fakesnow(environment: Environment) -> Settings:
    assert environment.fakesnow
    return {"DESTINATION__SNOWFLAKE__CREDENTIALS": environment.fakesnow.url}


def _mariadb(environment: Environment) -> Settings:
    assert environment.mariadb
    return {"DESTINATION__SQLALCHEMY__CREDENTIALS": environment.mariadb.url}


def _lake(table_format: str) -> Callable[[Environment], Settings]:
    return lambda environment: {
        "SOURCES__COMMS_SOURCE__TABLE_FORMAT": table_format,
        "DESTINATION__FILESYSTEM__BUCKET_URL": str(environment.folder / "lake"),
    }


def _lake_on_s3(table_format: str) -> Callable[[Environment], Settings]:
    return lambda environment: {
        "SOURCES__COMMS_SOURCE__TABLE_FORMAT": table_format,
        "DESTINATION__FILESYSTEM__BUCKET_URL": environment.bucket(),
        **environment.on_s3("DESTINATION__FILESYSTEM__CREDENTIALS"),
    }


EXTENSIONS: Final = (
    *("avro", "httpfs", "delta", "iceberg"),
    *("ducklake", "sqlite_scanner", "postgres_scanner"),
)

_CATALOG: Final = "DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG"
_STORAGE: Final = "DESTINATION__DUCKLAKE__CREDENTIALS__STORAGE"

_ON_FAKESNOW: Final = Place(
    name="snowflake-on-fakesnow",
    destination="snowflake",
    needs=frozenset({"fakesnow"}),
    settings=_fakesnow,
)

PLACES: Final = {
    place.name: place
    for place in (
        *([_ON_FAKESNOW] if ENVIRONMENT else []),
        Place(name="duckdb", destination="duckdb", settings=lambda _: {}),
        Place(
            name="postgres",
            destination="postgres",
            needs=frozenset({"postgres"}),
            settings=lambda environment: {
                "DESTINATION__POSTGRES__CREDENTIALS": environment.database()
            },
        ),
        Place(
            name="redshift-on-postgres",
            destination="redshift",
            needs=frozenset({"postgres"}),
            settings=_redshift,
            adapted=adapted_to_postgres,
        ),
        Place(
            name="mariadb",
            destination="sqlalchemy",
            needs=frozenset({"mariadb"}),
            has_views=False,
            settings=_mariadb,
        ),
        Place(
            name="sqlite",
            destination="sqlalchemy",
            has_views=False,
            settings=lambda environment: {
                "DESTINATION__SQLALCHEMY__CREDENTIALS": f"sqlite:///{environment.folder / 'a.db'}"
            },
        ),
        Place(
            name="ducklake-sqlite",
            destination="ducklake",
            settings=lambda environment: {
                _CATALOG: f"sqlite:///{environment.folder / 'catalog.sqlite'}",
                f"{_STORAGE}__BUCKET_URL": str(environment.folder / "files"),
            },
        ),
        Place(
            name="ducklake-postgres",
            destination="ducklake",
            needs=frozenset({"postgres"}),
            settings=lambda environment: {
                _CATALOG: environment.database(),
                f"{_STORAGE}__BUCKET_URL": str(environment.folder / "files"),
            },
        ),
        Place(
            name="ducklake-s3",
            destination="ducklake",
            needs=frozenset({"postgres", "s3"}),
            settings=lambda environment: {
                _CATALOG: environment.database(),
                f"{_STORAGE}__BUCKET_URL": environment.bucket(),
                **environment.on_s3(f"{_STORAGE}__CREDENTIALS"),
            },
        ),
        Place(name="delta", destination="filesystem", is_lake=True, settings=_lake("delta")),
        Place(
            name="delta-s3",
            destination="filesystem",
            needs=frozenset({"s3"}),
            is_lake=True,
            settings=_lake_on_s3("delta"),
        ),
        Place(name="iceberg", destination="filesystem", is_lake=True, settings=_lake("iceberg")),
        Place(
            name="iceberg-s3",
            destination="filesystem",
            needs=frozenset({"s3"}),
            is_lake=True,
            settings=_lake_on_s3("iceberg"),
        ),
    )
}


@contextmanager
def configured(settings: Settings, *, folder: Path, home: Path) -> Iterator[None]:
    """Work in a folder with these settings, and with the DuckDB extensions in `home`."""
    before, where = dict(os.environ), Path.cwd()
    folder.mkdir(exist_ok=True)
    os.environ.update(settings)
    os.environ.update({"DLT_DATA_DIR": str(folder / "dlt-data"), "HOME": str(home)})
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(where)
        os.environ.clear()
        os.environ.update(before)


def installed_home(folder: Path) -> Path:
    """Install DuckDB's extensions into a home folder, so that it downloads none."""
    folder.mkdir(exist_ok=True)
    before, os.environ["HOME"] = os.environ["HOME"], str(folder)
    try:
        for extension in EXTENSIONS:
            import_module("duckdb_extensions").import_extension(extension)
    finally:
        os.environ["HOME"] = before
    return folder
