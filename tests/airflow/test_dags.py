"""Both DAGs on a real Airflow, with its scheduler, executor and API, against sandboxes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from comms_source.channels import CHANNELS
from comms_source.sandbox import Fault
from tests.airflow.airflow_server import PROGRAMS, RUN, Airflow, Run, Task, wait_for
from tests.airflow.airflow_world import World
from tests.airflow.conftest import PIPELINES, Worlds

if not PROGRAMS.exists():
    pytest.skip(
        "Airflow is tested in an environment of its own: make airflow", allow_module_level=True
    )

ALL: Final = tuple(CHANNELS)
TWO: Final = ("messages", "emails")
ONE: Final = ("messages",)
SERVER_FAULTS: Final = Fault(kind="internal_error", channel="emails", first=2, count=3)
"""500, three times. One scan gets two of them, the second on its only retry, and so fails."""
CUT: Final = Fault(kind="cut", channel="messages", first=2, every=3, count=2)
BUSY: Final = Fault(kind="unavailable", first=3, every=4, count=3, retry_after="0.2")

Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Prints a line that pytest shows even if the test passes."""

    def shown(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n    {line}")

    return shown


def test_parsing_asks_for_nothing() -> None:
    """No socket, no setting, and of the project no more than the errors."""
    found = parsed_apart()
    assert found["errors"] == {}
    assert found["sockets"] == []
    assert found["opened"] == []
    imported = {name for name in found["modules"] if name.split(".")[0] in {"comms_source", "dlt"}}
    assert imported == {"comms_source", "comms_source.errors"}
    assert found["dags"] == {
        "comms_backfill": [None, False, 1],
        "comms_load": ["*/15 * * * *", False, 1],
    }


def test_load_with_faults(airflow: Airflow, make_world: Worlds, say: Say) -> None:
    """Three accounts, each a task; the one that failed is tried again, and no other."""
    with make_world(accounts=("shop", "news", "app"), channels=ALL) as world:
        world.sandboxes["news"].faults.replace([SERVER_FAULTS])
        world.sandboxes["app"].faults.replace([CUT, BUSY])
        run = airflow.run("comms_load")
        tasks = run.tasks()
        assert_all_green(run, tasks)
        assert tried_again(tasks) == {"load[news]": 2}
        assert_summaries(run, tasks, of="load", count=3)
        first = run.events(tasks["load[news]"], of_try=1)
        assert any("not read" in line and "500" in line for line in first)
        assert_all_stored(world)
        assert views_of(world)
        there, here = seconds_of(run), serial_load(airflow, world)
        say(f"load: {there:.1f} s as three tasks of Airflow, {here:.1f} s as one command")


def test_backfill_with_faults(airflow: Airflow, make_world: Worlds, say: Say) -> None:
    """Only the days and the accounts that were asked for; one task is tried again."""
    since, until = days_ago(4), days_ago(2)
    with make_world(accounts=("shop", "news", "app"), channels=TWO) as world:
        world.sandboxes["news"].faults.replace([SERVER_FAULTS])
        run = airflow.run("comms_backfill", **between(since, until), accounts=["shop", "news"])
        tasks = run.tasks()
        assert_all_green(run, tasks)
        assert set(tasks) == {"list_accounts", "backfill[shop]", "backfill[news]"}
        assert tried_again(tasks) == {"backfill[news]": 2}
        assert_summaries(run, tasks, of="backfill", count=2)
        assert not world.sandboxes["app"].requests
        assert_days_stored(world, since=since, until=until, accounts=("shop", "news"))
        assert views_of(world)
        say(f"backfill of two days of two accounts: {seconds_of(run):.1f} s")


def test_backfill_of_one_channel_until_now(airflow: Airflow, make_world: Worlds) -> None:
    """The end is not needed, and the other channels are not read."""
    since = days_ago(1)
    with make_world(accounts=("shop",), channels=TWO) as world:
        run = airflow.run("comms_backfill", since=f"{since:%Y-%m-%d}", channels=["emails"])
        assert_all_green(run, run.tasks())
        assert world.stored("emails") == world.truth("emails", since=since)
        assert world.stored("messages") == {}


@pytest.mark.parametrize("dag", ["comms_load", "comms_backfill"])
def test_killed_worker(airflow: Airflow, make_world: Worlds, dag: str) -> None:
    """The task is run again; no row is missing, and none is there twice."""
    since, until = days_ago(4), days_ago(3)
    with make_world(accounts=("shop", "news"), channels=TWO) as world:
        hang = Fault(kind="hang", channel="emails", first=2, count=1, seconds=120)
        world.sandboxes["shop"].faults.replace([hang])
        params = between(since, until) if dag == "comms_backfill" else {}
        run = airflow.start_run(dag, **params)
        name = f"{dag.removeprefix('comms_')}[shop]"
        task = wait_for(lambda: hanging(run, world, name), seconds=RUN, what="a task at work")
        kill_worker(task)
        tasks = run.wait().tasks()
        assert_all_green(run, tasks)
        assert tried_again(tasks) == {name: 2}
        if dag == "comms_load":
            assert_all_stored(world)
        else:
            assert_days_stored(world, since=since, until=until)


def test_incomplete_load(airflow: Airflow, make_world: Worlds) -> None:
    """It fails after loading what it could, at once: another try cannot mend rejected rows."""
    with make_world(accounts=("shop", "news"), channels=TWO) as world:
        bad = Fault(kind="row_without_id", channel="emails", rows=10)
        world.sandboxes["shop"].faults.replace([bad])
        run = airflow.run("comms_load")
        tasks = run.tasks()
        assert run.state == "failed"
        assert states(tasks) == {
            "list_accounts": "success",
            "load[shop]": "failed",
            "load[news]": "success",
            "watch_deadline": "success",
            "complete": "upstream_failed",
        }
        failed = tasks["load[shop]"]
        assert failed.tries == 1
        summary = run.xcom(failed, "summary")
        assert summary["exit_code"] == 3
        rejected = summary["channels"]["emails"]["rejected"]
        stored, true = world.stored("emails"), world.truth("emails")
        assert stored.items() < true.items()
        assert rejected == len(true) - len(stored)
        assert any("rejected_operations" in line for line in run.events(failed))
        assert world.stored("messages") == world.truth("messages")


def test_near_deadline(airflow: Airflow, make_world: Worlds) -> None:
    """The alert names account, channel and time; the loads stay green."""
    with make_world(accounts=("shop",), channels=ONE):
        run = airflow.run("comms_load", notice_days=30)
        tasks = run.tasks()
        assert run.state == "failed"
        assert not_successful(tasks) == {"watch_deadline", "complete"}
        alert = error_of(run, tasks["watch_deadline"])
        assert "account shop, messages: must be read completely before 20" in alert
        events = run.events(tasks["watch_deadline"])
        assert f"alert: {alert}" in events
        assert any("account shop, messages: better before 20" in event for event in events)


def test_wrong_account(airflow: Airflow, make_world: Worlds) -> None:
    """It fails at once, and hides no other account's deadline."""
    with make_world(accounts=("news", "shop"), channels=ONE) as world:
        config = airflow.home / "project" / ".dlt" / "config.toml"
        wrong = '\n[sources.comms_source.accounts.news]\nchannels = ["pigeons"]\n'
        config.write_text(config.read_text() + wrong)
        run = airflow.run("comms_load", notice_days=30)
        tasks = run.tasks()
        assert run.state == "failed"
        assert not_successful(tasks) == {"load[news]", "watch_deadline", "complete"}
        assert tried_again(tasks) == {}
        alert = error_of(run, tasks["watch_deadline"])
        assert "account shop, messages: must be read completely before 20" in alert
        assert "account news: ConfigurationError: channels" in alert
        assert world.stored("messages") == world.truth("messages", accounts=("shop",))


def test_secrets_in_a_variable(airflow: Airflow, make_world: Worlds) -> None:
    """In `dlt_secrets_toml`, and in no file; the logs do not have them."""
    since, until = days_ago(3), days_ago(2)
    with make_world(accounts=("shop",), channels=ONE) as world:
        file = airflow.home / "project" / ".dlt" / "secrets.toml"
        secrets = file.read_text()
        file.unlink()
        with airflow.variable("dlt_secrets_toml", secrets):
            run = airflow.run("comms_backfill", **between(since, until))
        assert_all_green(run, run.tasks())
        assert_days_stored(world, since=since, until=until)


def parsed_apart() -> dict[str, Any]:
    """What a separate process did while it parsed the DAG files, with every socket refused."""
    here = str(Path.cwd())
    done = subprocess.run(
        [str(PROGRAMS / "python"), str(Path(__file__).with_name("parse_dags.py")), str(PIPELINES)],
        env={"HOME": here, "AIRFLOW_HOME": here, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def states(tasks: Mapping[str, Task]) -> dict[str, str]:
    """The state of each task."""
    return {name: task.state for name, task in tasks.items()}


def not_successful(tasks: Mapping[str, Task]) -> set[str]:
    """The tasks that did not succeed."""
    return {name for name, state in states(tasks).items() if state != "success"}


def tried_again(tasks: Mapping[str, Task]) -> dict[str, int]:
    """How often those tasks were tried that were tried more than once."""
    return {name: task.tries for name, task in tasks.items() if task.tries > 1}


def between(since: datetime, until: datetime) -> dict[str, str]:
    """The parameters of a backfill."""
    return {"since": f"{since:%Y-%m-%d}", "until": f"{until:%Y-%m-%d}"}


def assert_all_green(run: Run, tasks: Mapping[str, Task]) -> None:
    """Check that every task and the run succeeded; the message has the log of one that failed."""
    for name, task in tasks.items():
        assert task.state != "failed", "\n".join([name, *run.events(task)])
    assert set(states(tasks).values()) == {"success"}
    assert run.state == "success"


def assert_summaries(run: Run, tasks: Mapping[str, Task], *, of: str, count: int) -> None:
    """Check that each mapped task left a summary as its XCom and in its log."""
    mapped = [task for name, task in tasks.items() if name.startswith(f"{of}[")]
    assert len(mapped) == count
    for task in mapped:
        assert run.xcom(task, "summary")["exit_code"] == 0
        assert any("Loaded into postgres" in line for line in run.events(task))


def assert_all_stored(world: World) -> None:
    """Check that each table holds all that the sandboxes have, with the right account."""
    for channel in world.channels:
        expected = world.truth(channel)
        assert world.stored(channel) == expected
        assert expected


def assert_days_stored(
    world: World, *, since: datetime, until: datetime, accounts: Sequence[str] | None = None
) -> None:
    """Check that each table holds what was created in `[since, until)`, and nothing else."""
    for channel in world.channels:
        expected = world.truth(channel, since=since, until=until, accounts=accounts)
        assert world.stored(channel) == expected
        assert expected


def days_ago(days: int) -> datetime:
    """The midnight before so many days, in UTC."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days)


def views_of(world: World) -> list[Any]:
    """The names of the views."""
    return world.ask("select table_name from information_schema.views where table_schema = 'comms'")


def error_of(run: Run, task: Task) -> str:
    """The error of a failed task."""
    details = [line.get("error_detail") for line in run.log(task)]
    return "; ".join(each["exc_value"] for detail in details if detail for each in detail)


def hanging(run: Run, world: World, name: str) -> Task | None:
    """The task of that name, once its second request for emails hangs."""
    requests = world.sandboxes["shop"].requests
    asked = [request for request in requests if request.channel == "emails"]
    return run.tasks().get(name) if len(asked) > 1 else None


def kill_worker(task: Task) -> None:
    """End the task's process and its supervisor, as if the machine were lost."""
    pid = int(task.fields["pid"])
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    supervisor = int(fields[1])
    assert "LocalExecutor" in Path(f"/proc/{supervisor}/cmdline").read_text(encoding="utf-8")
    os.kill(supervisor, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)


def seconds_of(run: Run) -> float:
    """How long a run took, from the start of its first task to the end of its last one."""
    fields = run.fields()
    start, end = (datetime.fromisoformat(fields[name]) for name in ("start_date", "end_date"))
    return (end - start).total_seconds()


def serial_load(airflow: Airflow, world: World) -> float:
    """How many seconds `comms load` takes for the same accounts and an empty database."""
    start = time.monotonic()
    subprocess.run(
        [str(Path(sys.executable).with_name("comms")), "load"],  # the environment without Airflow
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(Path.cwd()),
            "COMMS_PROJECT": airflow.environment["COMMS_PROJECT"],
            "DESTINATION__POSTGRES__CREDENTIALS": world.postgres.make_database("serial"),
        },
        capture_output=True,
        timeout=120,
        check=True,
    )
    return time.monotonic() - start
