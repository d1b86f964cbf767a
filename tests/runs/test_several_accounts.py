"""Several accounts in one configuration do not affect each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from comms_source import tasks
from comms_source.channels import CHANNELS
from comms_source.cli.app import app
from comms_source.commands.load import run_load
from comms_source.config.credentials import BasicCredentials
from comms_source.destinations.locks import exclusive_run
from comms_source.destinations.pipeline import open_pipeline
from comms_source.errors import ConfigurationError
from comms_source.extract.session import Session
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Clock, Fault, Sandbox, SandboxSettings
from tests.support import FILE, columns_of, last_second, settings_for, stored, true

pytestmark = pytest.mark.slow

PREFIX = "SOURCES__COMMS_SOURCE__ACCOUNTS"
UNKNOWN = f"comms_operation_{0:026}"
"""An id that no operation has."""
Accounts = dict[str, Sandbox]


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Accounts]:
    """Three accounts, each with its own API; the key of `news` is refused."""
    monkeypatch.setenv(PREFIX, '["shop", "news", "club"]')
    now = last_second()
    with ExitStack() as serving:
        made = {}
        for seed, name in enumerate(("shop", "news", "club"), 1):
            settings = SandboxSettings(seed=seed, operations_per_week=60)
            made[name] = serving.enter_context(Sandbox(settings, Clock(now)))
            password = "wrong" if name == "news" else AUTH_TOKEN
            for setting, value in {
                "BASE_URL": made[name].url,
                "CREDENTIALS__ACCOUNT_ID": ACCOUNT_ID,
                "CREDENTIALS__AUTH_TOKEN": password,
            }.items():
                monkeypatch.setenv(f"{PREFIX}__{name.upper()}__{setting}", value)
        yield made


def comms(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def kept(channel: str, account: str) -> dict[str, Any]:
    """The rows of one account, by id."""
    return {key: row for key, row in stored(channel).items() if row[0] == account}


def truth(sandbox: Sandbox, channel: str, account: str) -> dict[str, Any]:
    """The operations of its API, with the account's name as label."""
    assert columns_of(channel)[0] == "account"
    return {key: (account, *row[1:]) for key, row in true(sandbox, channel).items()}


@pytest.mark.usefixtures("views")
def test_a_refused_account_does_not_stop_the_others(accounts: Accounts) -> None:
    """Nor does an API that answers 429 half the time; every row has its account's name."""
    accounts["club"].faults.replace([Fault(kind="too_many_requests", every=2, retry_after="0")])

    done = comms("load", "--json")
    result = json.loads(done.stdout)

    assert done.exit_code == result["exit_code"] == 3
    assert "comms: account news: CredentialsRefused" in done.stderr
    assert result["accounts"]["news"]["error"] == "CredentialsRefused"
    assert [result["accounts"][name]["outcome"] for name in ("shop", "club")] == ["complete"] * 2, (
        result
    )
    assert result["accounts"]["club"]["retries"] > 0
    for channel in CHANNELS:
        assert kept(channel, "shop") == truth(accounts["shop"], channel, "shop")
        assert kept(channel, "club") == truth(accounts["club"], channel, "club")
        assert {row[0] for row in stored(channel).values()} == {"shop", "club"}
    with duckdb.connect(FILE, read_only=True) as connection:
        runs = connection.execute("select account, outcome, error from comms.runs").fetchall()
    assert sorted(runs) == [
        ("club", "complete", None),
        ("news", "failed", "CredentialsRefused"),
        ("shop", "complete", None),
    ]

    report = comms("report")
    assert "the last run was not complete (news)" in " ".join(report.stdout.split())


def test_every_command_reports_by_account(accounts: Accounts) -> None:
    """Status, plan and check; an error of one account is reported next to the others."""
    assert comms("load", "--channel", "emails").exit_code == 3

    status = json.loads(comms("status", "--json").stdout)
    assert status["accounts"]["shop"]["channels"]["emails"]["operations"] == len(
        accounts["shop"].truth("emails")
    )
    assert status["accounts"]["news"]["last_run"]["error"] == "CredentialsRefused"
    assert status["accounts"]["news"]["channels"]["emails"]["operations"] == 0

    plan = comms("plan", "--account", "shop", "--account", "news")
    assert plan.stdout.startswith("account shop\n")
    assert "account news\n" in plan.stdout
    assert "club" not in plan.stdout

    check = comms("check")
    assert check.exit_code == 2
    lines = [line.split() for line in check.stdout.splitlines()]
    assert {(line[0], line[1]) for line in lines if line[2] in CHANNELS} == {
        ("pass", "shop"),
        ("FAIL", "news"),
        ("pass", "club"),
    }

    known = next(iter(accounts["club"].truth("emails")))["id"]
    fetched = comms("fetch", known, UNKNOWN)
    assert fetched.exit_code == 3
    assert f"{known}  loaded, emails" in fetched.stdout
    assert f"{UNKNOWN}  not loaded: account news" in fetched.stdout


def test_a_wrong_setting_of_one_account_does_not_stop_the_others(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any command; and it is reported once."""
    monkeypatch.setenv(f"{PREFIX}__SHOP__CONCURRENCY", "200")
    known = next(iter(accounts["club"].truth("emails")))["id"]

    fetched = comms("fetch", known)
    assert (fetched.exit_code, fetched.stdout) == (0, f"{known}  loaded, emails\n")
    nowhere = comms("fetch", UNKNOWN, "--account", "shop", "--account", "club")
    assert f"{UNKNOWN}  not loaded: account shop: concurrency: expected" in nowhere.stdout
    assert comms("fetch", known, "--account", "shop").exit_code == 2

    loaded = comms("load", "--account", "shop", "--account", "club", "--channel", "emails")
    assert loaded.exit_code == 3
    assert "comms: account shop: ConfigurationError: concurrency: expected" in loaded.stderr
    with pytest.raises(ConfigurationError, match=r"^concurrency: expected 1 to 64"):
        tasks.load("shop", channels=["emails"])


def test_an_account_in_use_does_not_stop_the_others(accounts: Accounts) -> None:
    """A scheduler's task may be loading it; the others are loaded."""
    with exclusive_run(open_pipeline(account="shop"), command="load"):
        done = comms("load", "--channel", "emails", "--account", "shop", "--account", "club")

    assert done.exit_code == 3
    assert "account shop: PipelineBusy: another run is in progress: comms load" in done.stderr
    assert kept("emails", "club") == truth(accounts["club"], "emails", "club")
    assert not kept("emails", "shop")


def test_each_account_has_its_own_coverage_and_gaps(accounts: Accounts) -> None:
    """An account without a run for eleven days has a gap; the other in the same file has none."""
    now = last_second()

    def load(name: str, after: timedelta) -> int:
        accounts[name].clock.set(now + after)
        settings = settings_for(accounts[name], account=name, channels=["emails"])
        session = Session(settings=settings, clock=accounts[name].clock.now)
        return run_load(session=session, pipeline=open_pipeline(account=name)).exit_code

    assert [load("shop", timedelta(0)), load("club", timedelta(0))] == [0, 0]
    assert load("shop", timedelta(days=5)) == 0
    assert [load("shop", timedelta(days=11)), load("club", timedelta(days=11))] == [0, 3]
    with duckdb.connect(FILE, read_only=True) as connection:
        gaps = connection.execute("select distinct account from comms.gaps").fetchall()
    assert gaps == [("club",)]


def test_moving_from_a_token_to_an_api_key_changes_no_data() -> None:
    """Rows, history and coverage belong to the account's label, not to its credentials."""
    known = {ACCOUNT_ID: AUTH_TOKEN, "SKkey": "key-secret"}
    settings = SandboxSettings(operations_per_week=60, credentials=known)
    now = last_second()
    with Sandbox(settings, Clock(now)) as sandbox:
        by_token = settings_for(sandbox)
        by_key = replace(by_token, credentials=BasicCredentials("SKkey", "key-secret"))
        results = []
        for chosen in (by_token, by_key):
            session = Session(settings=chosen, clock=sandbox.clock.now)
            summary = run_load(session=session, pipeline=open_pipeline())
            with duckdb.connect(FILE, read_only=True) as connection:
                history = connection.execute(
                    "select * from comms.email_operation_history order by id, valid_from"
                ).fetchall()
            results.append((summary.exit_code, stored("emails"), history))
            assert summary.exit_code == 0

    assert results[0] == results[1]
    assert summary.stats.operations < sum(len(stored(channel)) for channel in CHANNELS)
