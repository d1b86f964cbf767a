"""`pipelines/prefect_load.py` run by Prefect, against sandboxes on real sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from comms_source.channels import CHANNELS
from comms_source.sandbox import Clock, Fault, Sandbox, SandboxSettings
from tests.orchestrators.programs import (
    PIPELINES,
    PROGRAMS,
    SKIPPED,
    assert_no_network,
    environment,
    run,
    running,
)
from tests.support import last_second, stored, true

if not PROGRAMS.exists():
    pytest.skip(SKIPPED, allow_module_level=True)

CODE = "from prefect_load import comms_load; exit(comms_load(return_state=True).is_failed())"
FLOW = ("python", "-c", CODE)
EDITS = {"RETRY_DELAYS = [30, 60, 120]": "RETRY_DELAYS = [0]"}
"""What the test changes in the file: one quick retry."""
REASON = "refused: not open to these credentials (403"


@pytest.fixture
def news() -> Iterator[Sandbox]:
    """The API of a second account."""
    with Sandbox(SandboxSettings(seed=7, operations_per_week=60), Clock(last_second())) as serving:
        yield serving


@pytest.fixture
def env(today: Sandbox, news: Sandbox) -> Iterator[dict[str, str]]:
    """A Prefect server with its database in this folder, and the file of the flow."""
    text = (PIPELINES / "prefect_load.py").read_text()
    for old, new in EDITS.items():
        assert old in text
        text = text.replace(old, new)
    Path("prefect_load.py").write_text(text, encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}/api"
    env = environment({"shop": today, "news": news}) | {
        "PREFECT_HOME": str(Path.cwd() / "prefect"),
        "PREFECT_API_URL": url,
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    server = ("prefect", "server", "start", "--host", "127.0.0.1", "--port", port)
    log = Path("server.log")
    with running(server, env=env, log=log):
        wait_until_healthy(f"{url}/health", log)
        yield env
    assert_no_network(env)


def wait_until_healthy(url: str, log: Path) -> None:
    """Wait until the server answers, for two minutes at most."""
    until = time.monotonic() + 120
    while True:
        try:
            if httpx.get(url, trust_env=False, timeout=5).is_success:
                return
        except httpx.TransportError:
            assert time.monotonic() < until, log.read_text(encoding="utf-8")
        time.sleep(0.2)


def test_prefect_loads_and_fails_for_an_account_that_is_incomplete(
    env: dict[str, str], today: Sandbox, news: Sandbox
) -> None:
    """All else is loaded, after one more try; the next run reads what is missing."""
    news.faults.replace([Fault(kind="forbidden", channel="emails")])

    failed = run(FLOW, env=env)

    assert failed.returncode == 1, failed.stdout
    assert states(env) == {"load-shop": "COMPLETED", "load-news": "FAILED", "comms-load": "FAILED"}
    assert f"Task run 'load-news' -     {REASON}" in failed.stdout
    assert "account news: not all could be read; see the log" in failed.stdout
    assert failed.stdout.count(REASON) == 2  # it was tried again
    for channel in CHANNELS:
        assert kept(channel, "shop") == truth(today, channel, "shop")
        assert kept(channel, "news") == (
            {} if channel == "emails" else truth(news, channel, "news")
        )

    news.faults.replace([])
    mended = run(FLOW, env=env)

    assert mended.returncode == 0, mended.stdout
    assert set(states(env).values()) == {"COMPLETED"}
    for channel in CHANNELS:
        assert kept(channel, "news") == truth(news, channel, "news")


def states(env: dict[str, str]) -> dict[str, str]:
    """The states of the last flow run and its tasks, as the server's API has them."""

    def ask(path: str, **query: Any) -> list[dict[str, Any]]:
        url = f"{env['PREFECT_API_URL']}/{path}/filter"
        answer = httpx.post(url, json=query, trust_env=False, timeout=30).raise_for_status()
        rows: list[dict[str, Any]] = answer.json()
        return rows

    (last,) = ask("flow_runs", sort="START_TIME_DESC", limit=1)
    tasks = ask("task_runs", task_runs={"flow_run_id": {"any_": [last["id"]]}})
    found = {task["name"]: task["state_type"] for task in tasks}
    return {**found, "comms-load": last["state_type"]}


def kept(channel: str, account: str) -> dict[str, Any]:
    """The rows of one account, by id."""
    return {key: row for key, row in stored(channel).items() if row[0] == account}


def truth(sandbox: Sandbox, channel: str, account: str) -> dict[str, Any]:
    """The operations of its API, with the account's name as label."""
    return {key: (account, *row[1:]) for key, row in true(sandbox, channel).items()}
