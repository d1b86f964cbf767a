"""Settings that nothing reads are named, and no setting is that something reads."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import pytest
from dlt.common.destination import Destination

from comms_source.config.accounts import account_names, unread_settings
from comms_source.config.resolve import SHARED
from comms_source.config.unread import DESTINATIONS, find_unread
from comms_source.destinations.capabilities import TABLE_FORMAT
from comms_source.views.settings import ViewSettings
from tests.config.conftest import Configure

ROOT: Final = Path(__file__).parents[2]
OURS: Final = "SOURCES__COMMS_SOURCE"


def reported(
    text: str = "", accounts: tuple[str, ...] = (), *, variables: Iterable[str] = ()
) -> list[str]:
    """What is reported of a config.toml and the environment."""
    files = {"config.toml": tomllib.loads(text)}
    return find_unread(files, environment=dict.fromkeys(variables, "1"), accounts=accounts)


@pytest.mark.parametrize(
    ("written", "named", "meant"),
    [
        ("~.refesh_ratio", "refesh_ratio in [~]", "refresh_ratio"),
        ("sources.coms_source.window", "[sources.coms_source]", "[~]"),
        ("sources.comms.window", "[sources.comms]", "[~]"),
        ("source.comms_source.window", "[source]", "[sources]"),
        ("comms_source.window", "[comms_source]", "[~]"),
        ("~.acounts.shop.window", "[~.acounts]", "[~.accounts]"),
        ("~.accounts.shop.windw", "windw in [~.accounts.shop]", "window"),
        ("~.credentials.api_secret", "api_secret in [~.credentials]", "api_key_secret"),
        (
            "~.accounts.shop.credentials.acount_id",
            "acount_id in [~.accounts.shop.credentials]",
            "account_id",
        ),
        ("~.credentials.client_scret", "client_scret in [~.credentials]", "client_secret"),
        ("~.credentials.tokn_url", "tokn_url in [~.credentials]", "token_url"),
        ("destinaton_type", "destinaton_type at the top", "destination_type"),
        ("destinations.duckdb.credentials", "[destinations]", "[destination]"),
        ("destination.duckbd.credentials", "[destination.duckbd]", "[destination.duckdb]"),
        ("destination.duckdb.credntials", "credntials in [destination.duckdb]", "credentials"),
        (
            "destination.postgres.credentials.databse",
            "databse in [destination.postgres.credentials]",
            "database",
        ),
    ],
)
def test_a_misspelled_name_in_a_file(written: str, named: str, meant: str) -> None:
    """Is reported with its section, and with the name that is like it."""
    assert_reported(written, named, meant)


@pytest.mark.parametrize(
    ("written", "named", "meant"),
    [
        ("time_zone", "time_zone at the top", "time_zone in [~]"),
        ("sources.time_zone", "time_zone in [sources]", "time_zone in [~]"),
        ("~.dataset_name", "dataset_name in [~]", "dataset_name at the top"),
        ("~.accounts.shop.time_zone", "time_zone in [~.accounts.shop]", "time_zone in [~]"),
    ],
)
def test_a_name_in_the_wrong_section(written: str, named: str, meant: str) -> None:
    """Is reported with the section in which it is read."""
    assert_reported(written, named, meant)


def assert_reported(written: str, named: str, meant: str) -> None:
    """Compare what is reported of a file with one setting; `~` stands for our section."""
    sentence = f"{named} of config.toml is not read (did you mean {meant}?)"
    section = "sources.comms_source"

    found = reported(f"{written} = 1".replace("~", section), ("shop",))

    assert found == [sentence.replace("~", section)]


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        (f"{OURS}__REFESH", f"{OURS}__REFRESH"),
        ("SOURCES__COMS_SOURCE__PAGE_SIZE", f"{OURS}__PAGE_SIZE"),
        ("SOURCE__COMMS_SOURCE__PAGE_SIZE", f"{OURS}__PAGE_SIZE"),
        ("SOURCES_COMMS_SOURCE_PAGE_SIZE", f"{OURS}__PAGE_SIZE"),
        ("sources__comms_source__page_size", f"{OURS}__PAGE_SIZE"),
        (f"{OURS}__CREDENTIALS__ACOUNT_ID", f"{OURS}__CREDENTIALS__ACCOUNT_ID"),
        (f"{OURS}__CREDENTIALS__CLIENTID", f"{OURS}__CREDENTIALS__CLIENT_ID"),
        (f"{OURS}__ACCOUNTS__SHOP__WINDW", f"{OURS}__ACCOUNTS__SHOP__WINDOW"),
        (f"{OURS}__COUNTER_MODE__EMAILS", f"{OURS}__COUNTER_MODE"),
        ("DESTINATON__DUCKDB__CREDENTIALS", "DESTINATION__DUCKDB__CREDENTIALS"),
        ("DESTINATION_TYP", "DESTINATION_TYPE"),
    ],
)
def test_a_misspelled_variable(variable: str, meant: str) -> None:
    """Is reported with the one that is like it."""
    sentence = f"the environment variable {variable} is not read (did you mean {meant}?)"
    assert reported(accounts=("Shop",), variables=[variable]) == [sentence]


def test_a_name_that_is_like_no_other() -> None:
    """Is reported in our own section, where nobody else has names; in others' it is theirs."""
    (of_file,) = reported("sources.comms_source.foo = 1\nbar = 1\ndestination.duckdb.foo = 1")
    (of_variable,) = reported(variables=[f"{OURS}__FOO", "SOURCES__STRIPE__FOO", "FOO"])

    assert of_file.startswith(
        "foo in [sources.comms_source] of config.toml is not read (comms init"
    )
    assert of_variable.startswith(f"the environment variable {OURS}__FOO is not read (comms init")


def test_an_account_that_only_a_variable_names() -> None:
    """Is reported: without a list of the names, or a section, nobody looks for it."""
    (sentence,) = reported(variables=[f"{OURS}__ACCOUNTS__SHOP__CREDENTIALS__API_KEY"])

    assert sentence.endswith(f"({OURS}__ACCOUNTS lists no account of that name)")


def test_a_section_is_reported_once() -> None:
    """However many settings are in it."""
    assert len(reported("[sources.coms_source]\nwindow = 1\nrefresh = 1\npage_size = 1")) == 1


def everything() -> str:
    """The config.toml that comms init writes, with no line commented out."""
    text = (ROOT / ".dlt/config.toml").read_text(encoding="utf-8")
    return re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE)


def test_every_documented_setting_is_known() -> None:
    """In the files that comms init writes, in the page on configuration, and in the environment."""
    secrets = (ROOT / ".dlt/example.secrets.toml").read_text(encoding="utf-8")
    secrets = re.sub(r"^# (?=\[|[a-z_]+ = )", "", secrets, flags=re.MULTILINE)
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8").split("## Settings")[1]
    table = page.split("\n\nWhere to load to")[0]
    names = re.findall(r"^\| `([a-z_]+)` \|", table, flags=re.MULTILINE)

    assert len(names) > 20
    assert reported(everything()) == []
    assert reported(secrets, ("shop", "news")) == []
    assert reported(variables=[f"{OURS}__{name.upper()}" for name in names]) == []


@pytest.mark.parametrize(
    "page",
    [
        *("accounts", "airflow", "configuration", "data-model", "destinations", "details"),
        *("quickstart", "sandbox", "speed", "warehouses"),
    ],
)
def test_every_setting_of_the_documentation_is_known(page: str) -> None:
    """Its TOML, and its variables."""
    text = (ROOT / f"docs/{page}.md").read_text(encoding="utf-8")
    variables = re.findall(r"\b(?:SOURCES|DESTINATION)__[A-Z0-9_]+[A-Z0-9]\b", text)
    blocks = re.findall(r"```toml\n(.+?)```", text, flags=re.DOTALL)

    for block in blocks:
        # One block shows two files.
        for part in re.split(r"^# \S+\.toml$", block, flags=re.MULTILINE):
            assert reported(part, ("shop", "news")) == []
    assert reported(accounts=("shop", "news"), variables=variables) == []


DLTS: Final = """
[sources]
page_size = 5
[sources.data_writer]
buffer_max_items = 1
[sources.stripe]
refesh = 1
[sources.comms_source]
max_table_nesting = 1
schema_contract = "freeze"
root_key = true
[sources.comms_source.comms_source]
window = "1 hour"
[sources.comms_source.schema]
naming = "direct"
[sources.comms_source.extract]
workers = 1
[sources.comms_source.normalize.data_writer]
file_max_items = 1
[sources.comms_source.message_operations.created_at]
initial_value = "2026-01-01"
[sources.comms_source.counter_mode]
emails = "exclusive"
[extract]
workers = 1
[load]
workers = 1
[runtime]
log_level = "INFO"
[twilio_comms.sources.comms_source]
window = "1 hour"
[destination]
replace_strategy = "insert-from-staging"
[destination.mine]
destination_type = "duckdb"
[destination.duckdb.credentials.global_config]
memory_limit = "2GB"
"""


def test_dlts_own_settings_are_not_reported() -> None:
    """Wherever it looks for them, and those of other sources and destinations."""
    assert reported(DLTS) == []
    assert reported(variables=["DESTINATION__MINE__DESTINATION_TYPE", "DESTINATION__MINE__X"]) == []


@pytest.mark.parametrize("name", sorted(DESTINATIONS))
def test_no_setting_of_a_destination_is_reported(name: str) -> None:
    """By dlt's own specification of it."""
    factory: Any = Destination.from_reference(name)
    own = "\n".join(f"{field} = 1" for field in factory.spec().get_resolvable_fields())

    assert reported(f"[destination.{name}]\n{own}") == []


def test_the_shared_settings_are_all_that_is_read() -> None:
    """The list is that of the places that read one."""
    views = {field.name for field in fields(ViewSettings)} - {"now"}

    assert views | {"max_lock_wait", "max_load_wait", TABLE_FORMAT.rpartition(".")[2]} == set(
        SHARED
    )


def test_accounts_with_two_underscores_are_not_mistaken() -> None:
    """A variable's name looks as if it had one section more."""
    assert reported(accounts=("shop__eu",), variables=[f"{OURS}__ACCOUNTS__SHOP__EU__WINDOW"]) == []


def test_it_is_logged_once(
    configure: Configure, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, when the accounts are first asked for; what check tells is not logged."""
    monkeypatch.setenv(f"{OURS}__REFESH", "full")
    configure(config="[sources.coms_source]\nwindow = 1")

    account_names()
    account_names()

    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "[sources.coms_source]" in record.message
    assert f"{OURS}__REFESH" in record.message

    configure()
    assert len(unread_settings()) == 2
    account_names()
    assert len(caplog.records) == 1
