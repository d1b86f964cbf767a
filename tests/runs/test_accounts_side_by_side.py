"""Accounts loaded at the same time: each has its own dlt pipeline, into one dataset."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source import status, tasks
from comms_source.channels import CHANNELS
from comms_source.destinations.locks import exclusive_run, in_turn
from comms_source.destinations.pipeline import account_suffix, open_pipeline
from comms_source.errors import ConfigurationError, PipelineBusy
from comms_source.sandbox import AUTH_TOKEN, Clock, Sandbox, SandboxSettings
from tests.postgres import Postgres
from tests.support import last_second, load

pytestmark = pytest.mark.slow

PREFIX = "SOURCES__COMMS_SOURCE__ACCOUNTS"
ACCOUNTS = ("shop", "news")
labels = st.text(min_size=1).filter(str.strip)


@given(labels, labels)
def test_suffixes_of_accounts_are_different_and_valid(one: str, other: str) -> None:
    """For any labels: at most 39 lower-case letters, digits and underscores."""
    suffixes = [account_suffix(one), account_suffix(other)]

    assert (suffixes[0] == suffixes[1]) == (one == other)
    for suffix in suffixes:
        assert suffix.isascii()
        assert suffix.replace("_", "").isalnum()
        assert suffix == suffix.lower()
        assert len(suffix) <= 39


def test_a_plain_name_is_its_own_suffix() -> None:
    """So `dlt pipeline twilio_comms_shop` is the expected name."""
    assert account_suffix("shop") == "shop"
    assert account_suffix("eu_2") == "eu_2"
    assert account_suffix("Shop & Co").startswith("shop_co_")
    assert open_pipeline().pipeline_name == "twilio_comms"
    assert open_pipeline(account="shop").pipeline_name == "twilio_comms_shop"


def test_a_second_run_of_an_account_is_refused(sandbox: Sandbox) -> None:
    """Runs of other accounts continue."""
    with exclusive_run(open_pipeline(account="shop"), command="load"):
        with (
            pytest.raises(PipelineBusy, match="comms load"),
            exclusive_run(open_pipeline(account="shop"), command="backfill"),
        ):
            pytest.fail("two runs of one account")
        assert load(sandbox).exit_code == 0


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch, postgres: Postgres) -> Iterator[dict[str, Sandbox]]:
    """Two accounts, each with a sandbox, that share a PostgreSQL database."""
    now = last_second()
    values = {
        PREFIX: json.dumps(ACCOUNTS),
        "DESTINATION_TYPE": "postgres",
        "DESTINATION__POSTGRES__CREDENTIALS": postgres.make_database("accounts"),
        "COMMS_PROJECT": str(Path.cwd()),
    }
    with ExitStack() as serving:
        sandboxes = {}
        for seed, name in enumerate(ACCOUNTS, 1):
            user = f"AC{seed:032d}"
            settings = SandboxSettings(
                seed=seed, operations_per_week=300, credentials={user: AUTH_TOKEN}
            )
            sandboxes[name] = serving.enter_context(Sandbox(settings, Clock(now)))
            section = f"{PREFIX}__{name.upper()}"
            values |= {
                f"{section}__BASE_URL": sandboxes[name].url,
                f"{section}__CREDENTIALS__ACCOUNT_ID": user,
                f"{section}__CREDENTIALS__AUTH_TOKEN": AUTH_TOKEN,
            }
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        yield sandboxes


SCRIPT = """
import json, sys
from comms_source import tasks
print(json.dumps(tasks.load(sys.argv[1]).as_dict()))
"""


@pytest.mark.usefixtures("views")
def test_two_processes_load_two_accounts_into_one_database(
    accounts: dict[str, Sandbox], postgres: Postgres
) -> None:
    """From the first load on: every row once, one state per account, one set of views."""
    assert tasks.accounts() == [*ACCOUNTS]
    for _ in range(2):
        running = [
            subprocess.Popen([sys.executable, "-c", SCRIPT, name], stdout=subprocess.PIPE, cwd="/")
            for name in ACCOUNTS
        ]
        results = [json.loads(process.communicate(timeout=120)[0]) for process in running]
        assert [(each["account"], each["outcome"]) for each in results] == [
            (name, "complete") for name in ACCOUNTS
        ]
        assert all("daily_delivery" in each["views"] for each in results)

    for name in ACCOUNTS:
        found = tasks.status(name)
        assert found.pipeline == f"twilio_comms_{name}"
        assert found.deadline is not None
        assert {channel.channel: channel.operations for channel in found.channels} == {
            channel: len(accounts[name].truth(channel)) for channel in CHANNELS
        }
    with postgres.connect("accounts") as cursor:
        for channel in CHANNELS.values():
            cursor.execute(f"select account, id, status from comms.{channel.table}")
            rows = cursor.fetchall()
            assert sorted(rows) == sorted(
                (name, row["id"], row["status"])
                for name in ACCOUNTS
                for row in accounts[name].truth(channel.name)
            )
        cursor.execute("select account, count(distinct run_id) from comms.runs group by account")
        assert dict(cursor.fetchall()) == dict.fromkeys(ACCOUNTS, 2)
        cursor.execute("select count(*) from comms.gaps")
        assert cursor.fetchone() == (0,)
        cursor.execute("select nspname from pg_namespace where nspname like 'comms_staging%%'")
        assert {name for (name,) in cursor.fetchall()} == {
            f"comms_staging_{name}" for name in ACCOUNTS
        }


@pytest.mark.usefixtures("accounts")
def test_one_of_several_accounts_has_to_be_named() -> None:
    """The functions are about one account; the commands go through all of them."""
    with pytest.raises(ConfigurationError, match="there are several accounts, so name one of shop"):
        status()


def test_status_and_plan_need_no_credentials(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They read the destination, and do not call the API."""
    load(sandbox)
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    assert status().channels[0].operations == len(sandbox.truth("messages"))


def test_only_one_process_loads_at_a_time() -> None:
    """A second process waits for the one that is loading into the destination."""
    pipeline = open_pipeline()
    script = (
        "from comms_source.destinations.locks import in_turn\n"
        "from comms_source.destinations.pipeline import open_pipeline\n"
        "print('ready', flush=True)\n"
        "with in_turn(open_pipeline(account='shop')): print('loading', flush=True)\n"
    )
    with in_turn(pipeline):
        other = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert other.stdout
        assert other.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(timeout=0.5)
    assert other.communicate(timeout=30)[0] == "loading\n"


def test_a_wait_for_another_load_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `max_load_wait` the message names the loading process, and when it started."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__MAX_LOAD_WAIT", "0.2 seconds")
    said = rf"PID {os.getpid()}, started .*max_load_wait .0.2 seconds.*load again later"
    with (
        in_turn(open_pipeline()),
        pytest.raises(PipelineBusy, match=said),
        in_turn(open_pipeline()),
    ):
        pytest.fail("two runs have the turn")
