"""Both DAGs on a real Airflow: its scheduler, its executor, its API, against sandboxes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from comms_source.channels import CHANNELS
from comms_source.sandbox import Fault, Sandbox
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
"""500, thrice: of two walks one gets two of them, the second on its one more try, and fails."""
CUT: Final = Fault(kind="cut", channel="messages", first=2, every=3, count=2)
BUSY: Final = Fault(kind="unavailable", first=3, every=4, count=3, retry_after="0.2")

Tell = Callable[[str], None]


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Prints a line that is seen even where all is well."""

    def told(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n    {line}")

    return told


def test_that_reading_the_files_asks_for_nothing() -> None:
    """No socket, no setting, not even the parts of the project that could read one."""
    told = parsed_apart()
    assert told["errors"] == {}
    assert told["sockets"] == []
    assert told["opened"] == []
    read = {name for name in told["modules"] if name.split(".")[0] in {"comms_source", "dlt"}}
    assert read == {"comms_source", "comms_source.errors"}
    assert told["dags"] == {
        "comms_backfill": [None, False, 1],
        "comms_load": ["*/15 * * * *", False, 1],
    }


def test_a_load_with_faults_in_its_midst_is_complete_in_the_end(
    airflow: Airflow, make_world: Worlds, tell: Tell
) -> None:
    """Three accounts, each channel a task; the one that failed is tried again, no other is."""
    with make_world(accounts=("shop", "news", "app"), channels=ALL) as world:
        world.sandboxes["news"].faults.replace([SERVER_FAULTS])
        world.sandboxes["app"].faults.replace([CUT, BUSY])
        run = airflow.run("comms_load")
        tasks = run.tasks()
        assert_all_green(run, tasks)
        assert {name: task.tries for name, task in tasks.items() if task.tries != 1} == {
            "load[news emails]": 2
        }
        assert_summaries(run, tasks, of="load", count=9)
        first = run.events(tasks["load[news emails]"], of_try=1)
        assert any("not read" in line and "500" in line for line in first)
        assert_all_stored(world)
        assert views_of(world)
        there, here = seconds_of(run), serial_load(airflow, world)
        tell(f"load: {there:.1f} s as nine tasks of Airflow, {here:.1f} s as one command")


def test_a_backfill_with_faults_in_its_midst_is_complete_in_the_end(
    airflow: Airflow, make_world: Worlds, tell: Tell
) -> None:
    """Several days at once, and only those that were asked for."""
    since, until = days_ago(4), days_ago(2)
    with make_world(accounts=("shop", "news"), channels=TWO) as world:
        world.sandboxes["news"].faults.replace([SERVER_FAULTS])
        run = airflow.run(
            "comms_backfill",
            since=f"{since:%Y-%m-%d}",
            until=f"{until:%Y-%m-%d}",
            accounts=["shop", "news"],
        )
        tasks = run.tasks()
        assert_all_green(run, tasks)
        assert sorted(task.tries for task in tasks.values()) == [*[1] * 9, 2]
        assert_summaries(run, tasks, of="backfill", count=8)
        assert f"backfill[{since.date()} shop emails]" in tasks
        assert_days_stored(world, since=since, until=until)
        tell(f"backfill of {len(tasks) - 2} days: {seconds_of(run):.1f} s")


@pytest.mark.parametrize("dag", ["comms_load", "comms_backfill"])
def test_a_task_whose_worker_was_killed_is_done_again(
    airflow: Airflow, make_world: Worlds, dag: str
) -> None:
    """Nothing is lost, and nothing is there twice."""
    since, until = days_ago(4), days_ago(3)
    with make_world(accounts=("shop",), channels=TWO) as world:
        sandbox = world.sandboxes["shop"]
        sandbox.faults.replace(
            [Fault(kind="hang", channel="emails", first=2, count=1, seconds=120)]
        )
        days = {"since": f"{since:%Y-%m-%d}", "until": f"{until:%Y-%m-%d}"}
        run = airflow.start_run(dag, **(days if dag == "comms_backfill" else {}))
        task = wait_for(lambda: hanging(run, sandbox), seconds=RUN, what="a task at work")
        kill_worker(task)
        tasks = run.wait().tasks()
        assert_all_green(run, tasks)
        assert {name: each.tries for name, each in tasks.items() if each.tries != 1} == {
            task.name: 2
        }
        if dag == "comms_load":
            assert_all_stored(world)
        else:
            assert_days_stored(world, since=since, until=until)


def test_an_incomplete_load_fails_after_loading_what_it_could(
    airflow: Airflow, make_world: Worlds
) -> None:
    """At once, since no other try can mend rejected rows; the summary tells of them."""
    with make_world(accounts=("shop",), channels=TWO) as world:
        bad = Fault(kind="row_without_id", channel="emails", rows=10)
        world.sandboxes["shop"].faults.replace([bad])
        run = airflow.run("comms_load")
        tasks = run.tasks()
        assert run.state == "failed"
        assert states(tasks) == {
            "list_channels": "success",
            "load[shop messages]": "success",
            "load[shop emails]": "failed",
            "make_views": "success",
            "watch_deadline": "success",
            "complete": "upstream_failed",
        }
        failed = tasks["load[shop emails]"]
        assert failed.tries == 1
        summary = run.xcom(failed, "summary")
        assert summary["exit_code"] == 3
        rejected = summary["channels"]["emails"]["rejected"]
        stored, true = world.stored("emails"), world.truth("emails")
        assert stored.items() < true.items()
        assert rejected == len(true) - len(stored)
        assert any("rejected_operations" in line for line in run.events(failed))


def test_a_deadline_that_is_near_is_told(airflow: Airflow, make_world: Worlds) -> None:
    """Of each channel of each account, with the instant; what was loaded stays green."""
    with make_world(accounts=("shop",), channels=ONE):
        run = airflow.run("comms_load", notice_days=30)
        tasks = run.tasks()
        assert run.state == "failed"
        assert {name for name, state in states(tasks).items() if state != "success"} == {
            "watch_deadline",
            "complete",
        }
        alert = error_of(run, tasks["watch_deadline"])
        assert "account shop, messages: must be read completely before 20" in alert
        assert f"told: {alert}" in run.events(tasks["watch_deadline"])


def test_that_secrets_may_be_in_an_airflow_variable(airflow: Airflow, make_world: Worlds) -> None:
    """In `dlt_secrets_toml`, and in no file; what a task logs does not hold them."""
    since, until = days_ago(3), days_ago(2)
    with make_world(accounts=("shop",), channels=ONE) as world:
        file = airflow.home / "project" / ".dlt" / "secrets.toml"
        secrets = file.read_text()
        file.unlink()
        with airflow.variable("dlt_secrets_toml", secrets):
            days = {"since": f"{since:%Y-%m-%d}", "until": f"{until:%Y-%m-%d}"}
            run = airflow.run("comms_backfill", **days)
        assert_all_green(run, run.tasks())
        assert_days_stored(world, since=since, until=until)


def parsed_apart() -> dict[str, Any]:
    """What a process of its own did while it read the DAG files, with every socket refused."""
    here = str(Path.cwd())
    done = subprocess.run(
        [str(PROGRAMS / "python"), str(Path(__file__).with_name("parse_dags.py")), str(PIPELINES)],
        env={"HOME": here, "AIRFLOW_HOME": here, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def states(tasks: Mapping[str, Task]) -> dict[str, str]:
    """How each task ended."""
    return {name: task.state for name, task in tasks.items()}


def assert_all_green(run: Run, tasks: Mapping[str, Task]) -> None:
    """Every task succeeded, and so did the run; else the log of those that failed."""
    for name, task in tasks.items():
        assert task.state != "failed", "\n".join([name, *run.events(task)])
    assert set(states(tasks).values()) == {"success"}
    assert run.state == "success"


def assert_summaries(run: Run, tasks: Mapping[str, Task], *, of: str, count: int) -> None:
    """Each mapped task left the summary of its run, and told it in its log."""
    mapped = [task for name, task in tasks.items() if name.startswith(f"{of}[")]
    assert len(mapped) == count
    for task in mapped:
        assert run.xcom(task, "summary")["exit_code"] == 0
        assert any("Loaded into postgres" in line for line in run.events(task))


def assert_all_stored(world: World) -> None:
    """Each table holds all that the sandboxes know, each row with the account that it is of."""
    for channel in world.channels:
        expected = world.truth(channel)
        assert world.stored(channel) == expected
        assert expected


def assert_days_stored(world: World, *, since: datetime, until: datetime) -> None:
    """Each table holds what was created in `[since, until)`, and nothing else."""
    for channel in world.channels:
        expected = world.truth(channel, since=since, until=until)
        assert world.stored(channel) == expected
        assert expected


def days_ago(days: int) -> datetime:
    """The beginning of a day, in UTC."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days)


def views_of(world: World) -> list[Any]:
    """The views that there are."""
    return world.ask("select table_name from information_schema.views where table_schema = 'comms'")


def error_of(run: Run, task: Task) -> str:
    """What a failed task said last."""
    details = [line.get("error_detail") for line in run.log(task)]
    return "; ".join(each["exc_value"] for detail in details if detail for each in detail)


def hanging(run: Run, sandbox: Sandbox) -> Task | None:
    """The task on emails, once the sandbox lets it wait."""
    asked = [request for request in sandbox.requests if request.channel == "emails"]
    working = (task for name, task in run.tasks().items() if name.endswith("emails]"))
    return next(working, None) if len(asked) > 1 else None


def kill_worker(task: Task) -> None:
    """End the task's process and the one that watches over it, as a lost machine would."""
    pid = int(task.told["pid"])
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    supervisor = int(fields[1])
    assert "LocalExecutor" in Path(f"/proc/{supervisor}/cmdline").read_text()
    os.kill(supervisor, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)


def seconds_of(run: Run) -> float:
    """How long a run took, from its first task's start to its last one's end."""
    told = run.told()
    start, end = (datetime.fromisoformat(told[name]) for name in ("start_date", "end_date"))
    return (end - start).total_seconds()


def serial_load(airflow: Airflow, world: World) -> float:
    """How long the command takes for the same into an empty database, in seconds."""
    start = time.monotonic()
    subprocess.run(
        [str(Path(sys.executable).with_name("comms")), "load"],  # where there is no Airflow
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
