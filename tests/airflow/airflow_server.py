"""A real Airflow for the tests: its processes on loopback, and a client of its REST API.

The programs come from the environment that AIRFLOW_ENVIRONMENT names, in which Airflow and this
project are installed. The output of each process is kept, and shown if a test fails.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

COMPONENTS: Final = ("api-server", "scheduler --skip-serve-logs", "dag-processor")
START: Final = 180.0
"""Seconds within which everything must be up and all DAGs be known."""
MIGRATE: Final = 180.0
PAUSE: Final = 1.0
"""Seconds between two requests; each takes time of the API server that tasks need."""
RUN: Final = 300.0
"""Seconds within which one run of a DAG must end."""
STOP: Final = 30.0
ENVIRONMENT: Final = os.environ.get("AIRFLOW_ENVIRONMENT")
PROGRAMS: Final = Path(ENVIRONMENT or "nowhere").absolute() / "bin"
ENDED: Final = frozenset({"success", "failed"})

T = TypeVar("T")


class TookTooLong(Exception):
    """Something did not happen in time."""


def wait_for(find: Callable[[], T | None], *, seconds: float, what: str) -> T:
    """Call `find` until it returns something other than None, and return that.

    Raises:
        TookTooLong: if it returns None for that long.
    """
    until = time.monotonic() + seconds
    while (found := find()) is None:
        if time.monotonic() > until:
            raise TookTooLong(f"{what}: not within {seconds:.0f} s")
        time.sleep(PAUSE)
    return found


@dataclass(frozen=True, slots=True)
class Task:
    """One try of a task, mapped or not, as the REST API returns it."""

    fields: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The task's id, and for a mapped one the name that the grid shows."""
        shown = self.fields["rendered_map_index"] if self.fields["map_index"] >= 0 else None
        return f"{self.fields['task_id']}[{shown}]" if shown else str(self.fields["task_id"])

    @property
    def state(self) -> str:
        """`success`, `failed`, `running` and so on."""
        return str(self.fields["state"])

    @property
    def tries(self) -> int:
        """How many times it was tried."""
        return int(self.fields["try_number"])


@dataclass(slots=True)
class Airflow:
    """A running Airflow: scheduler, DAG processor and API server."""

    home: Path
    environment: Mapping[str, str]
    client: httpx.Client
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """One request to the REST API; raises if it is refused."""
        answer = self.client.request(method, f"/api/v2/{path}", **more)
        answer.raise_for_status()
        return answer.json()

    def run(self, dag: str, **params: Any) -> Run:
        """Trigger a run of a DAG, and wait for its end."""
        return self.start_run(dag, **params).wait()

    def start_run(self, dag: str, **params: Any) -> Run:
        """Trigger a run of a DAG."""
        body = {"logical_date": None, "conf": params}
        started = self.ask("POST", f"dags/{dag}/dagRuns", json=body)
        return Run(self, dag, started["dag_run_id"])

    @contextmanager
    def variable(self, name: str, value: str) -> Iterator[None]:
        """An Airflow variable, deleted after the block."""
        self.ask("POST", "variables", json={"key": name, "value": value})
        try:
            yield
        finally:
            self.client.delete(f"/api/v2/variables/{name}").raise_for_status()

    def import_errors(self) -> list[str]:
        """The errors of DAG files that could not be parsed."""
        errors = self.ask("GET", "importErrors")["import_errors"]
        return [f"{each['filename']}: {each['stack_trace']}" for each in errors]

    def output(self) -> str:
        """The last lines of each process's output."""
        parts = []
        for log in sorted(self.home.glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-60:]
            parts.append("\n".join([f"--- {log.name}", *lines]))
        return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a DAG."""

    airflow: Airflow
    dag: str
    run_id: str

    @property
    def path(self) -> str:
        """Its path in the REST API."""
        return f"dags/{self.dag}/dagRuns/{self.run_id}"

    def fields(self) -> dict[str, Any]:
        """The run as the REST API returns it."""
        fields: dict[str, Any] = self.airflow.ask("GET", self.path)
        return fields

    def wait(self, *, seconds: float = RUN) -> Run:
        """Wait until it has succeeded or failed."""

        def ended() -> Run | None:
            return self if self.fields()["state"] in ENDED else None

        return wait_for(ended, seconds=seconds, what=f"the end of {self.dag}")

    @property
    def state(self) -> str:
        """`success`, `failed`, `running` or `queued`."""
        return str(self.fields()["state"])

    def tasks(self) -> dict[str, Task]:
        """The tasks by name, each in its latest try."""
        page = self.airflow.ask("GET", f"{self.path}/taskInstances", params={"limit": 100})
        tasks = [Task(each) for each in page["task_instances"]]
        return {task.name: task for task in tasks}

    def log(self, task: Task, *, of_try: int | None = None) -> list[dict[str, Any]]:
        """The lines of a task's log."""
        page = self.airflow.ask(
            "GET",
            f"{self.path}/taskInstances/{task.fields['task_id']}/logs/{of_try or task.tries}",
            params={"map_index": task.fields["map_index"], "full_content": True},
            headers={"Accept": "application/json"},
        )
        lines: list[dict[str, Any]] = page["content"]
        return lines

    def events(self, task: Task, *, of_try: int | None = None) -> list[str]:
        """The texts of a task's log."""
        return [str(line["event"]) for line in self.log(task, of_try=of_try)]

    def xcom(self, task: Task, key: str) -> Any:
        """The XCom of a task with that key."""
        entry = self.airflow.ask(
            "GET",
            f"{self.path}/taskInstances/{task.fields['task_id']}/xcomEntries/{key}",
            params={"map_index": task.fields["map_index"], "stringify": False},
        )
        return entry["value"]


@contextmanager
def running_airflow(
    *, home: Path, database: str, dags: Sequence[str], more: Mapping[str, str]
) -> Iterator[Airflow]:
    """Start Airflow with the DAG files in `home`/dags, and stop it in the end.

    Raises:
        TookTooLong: if it does not start; the message has the output of its processes.
    """
    port = _free_port()
    signal.signal(signal.SIGTERM, _interrupted)  # so that nothing is left running
    environment = {**_environment(home, database=database, port=port), **more}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
        airflow = Airflow(home, environment, client)
        try:
            _migrate(airflow)
            for component in COMPONENTS:
                _start(airflow, component)
            _wait_until_up(airflow, dags)
            yield airflow
        finally:
            _stop(airflow)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def _environment(home: Path, *, database: str, port: int) -> dict[str, str]:
    url = f"http://127.0.0.1:{port}"
    return {
        "PATH": f"{PROGRAMS}:/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "NO_COLOR": "1",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.replace("://", "+psycopg2://", 1),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__SECRET_KEY": "only for tests",
        "AIRFLOW__API_AUTH__JWT_SECRET": "only for tests, and of no use anywhere else",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        # The scheduler notices a dead task after so many seconds, by default after 5 minutes.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "1",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    }


def _migrate(airflow: Airflow) -> None:
    process = _start(airflow, "db migrate")
    if process.wait(MIGRATE) != 0:
        raise TookTooLong(airflow.output())
    del airflow.processes["db migrate"]


def _start(airflow: Airflow, component: str) -> subprocess.Popen[bytes]:
    name = component.partition(" ")[0]
    with (airflow.home / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [str(PROGRAMS / "airflow"), *component.split()],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            cwd=airflow.home,
            env=dict(airflow.environment),
            start_new_session=True,  # a group of its own, so that all of it can be stopped
        )
    airflow.processes[component] = process
    return process


def _wait_until_up(airflow: Airflow, dags: Sequence[str]) -> None:
    def up() -> bool | None:
        for component, process in airflow.processes.items():
            if process.poll() is not None:
                raise TookTooLong(f"{component} ended with {process.returncode}")
        return True if _ready(airflow, dags) else None

    try:
        wait_for(up, seconds=START, what="Airflow with all its DAGs")
    except TookTooLong as error:
        raise TookTooLong(f"{error}\n{airflow.output()}") from None


def _ready(airflow: Airflow, dags: Sequence[str]) -> bool:
    try:
        if "Authorization" not in airflow.client.headers:
            token = airflow.client.get("/auth/token").raise_for_status().json()["access_token"]
            airflow.client.headers["Authorization"] = f"Bearer {token}"
        health = airflow.ask("GET", "monitor/health")
        if errors := airflow.import_errors():
            raise TookTooLong("\n".join(errors))
        known = {dag["dag_id"] for dag in airflow.ask("GET", "dags")["dags"]}
    except httpx.HTTPError:
        return False
    return health["scheduler"]["status"] == "healthy" and known >= set(dags)


def _stop(airflow: Airflow) -> None:
    for process in airflow.processes.values():
        _signal(process, signal.SIGTERM)
    until = time.monotonic() + STOP
    for process in airflow.processes.values():
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.1, until - time.monotonic()))
    for process in airflow.processes.values():
        _signal(process, signal.SIGKILL)  # what is left of its group
        process.wait(STOP)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
