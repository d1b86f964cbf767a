"""The command `comms status --openmetrics`: its file, its errors and its exit codes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from comms_source.channels import CHANNELS
from comms_source.cli.app import app
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Sandbox
from tests.cli.metric_samples import of_channels, samples
from tests.support import FILE


def comms(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def load_today(today: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Load by the command, and take the credentials away after that."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__BASE_URL", today.url)
    with monkeypatch.context() as loading:
        loading.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_ID)
        loading.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
        assert comms("load").exit_code == 0


@pytest.mark.slow
def test_credentials_are_not_needed(today: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The warehouse is all that is read, and nothing but metrics is printed."""
    load_today(today, monkeypatch)
    requests = len(today.requests)

    done = comms("status", "--openmetrics")

    assert (done.exit_code, done.stderr) == (0, "")
    found = samples(done.stdout)
    assert of_channels(found, "operations") == {
        channel: len(today.truth(channel)) for channel in CHANNELS
    }
    assert len(today.requests) == requests


def test_before_the_first_load_there_is_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """The account is known, and has no tables; no file is created."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__ACCOUNT", "shop")

    done = comms("status", "--openmetrics")

    found = samples(done.stdout)
    assert done.exit_code == 0
    assert found["comms_loaded", ("shop",)] == 0
    assert found["comms_status_success", ("shop",)] == 1
    assert "comms_operations" not in {name for name, _ in found}
    assert not Path(FILE).exists()


def test_an_account_without_a_status_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a metric and on standard error; the others have all of theirs, and the exit code is 3."""
    accounts = "SOURCES__COMMS_SOURCE__ACCOUNTS"
    monkeypatch.setenv(accounts, '["news", "shop"]')
    monkeypatch.setenv(f"{accounts}__NEWS__CHANNELS", '["pigeons"]')

    done = comms("status", "--openmetrics", "--output", "comms.prom")

    found = samples(Path("comms.prom").read_text(encoding="utf-8"))
    assert (done.exit_code, done.stdout) == (3, "")
    assert "comms: account news: ConfigurationError: " in done.stderr
    success = {key: value for key, value in found.items() if key[0] == "comms_status_success"}
    assert {key[1]: value for key, value in success.items()} == {("news",): 0, ("shop",): 1}
    assert ("comms_loaded", ("shop",)) in found
    assert ("comms_loaded", ("news",)) not in found


@pytest.mark.slow
def test_a_locked_file_leaves_the_metrics_as_they_were(
    today: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As during a load: after `max_lock_wait`, a sentence that names the program; exit code 1."""
    load_today(today, monkeypatch)
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__MAX_LOCK_WAIT", "1 second")
    assert comms("status", "--openmetrics", "--output", "comms.prom").exit_code == 0
    before = Path("comms.prom").read_bytes()

    with held(FILE) as holder:
        done = comms("status", "--openmetrics", "--output", "comms.prom")

    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("comms: PipelineBusy: ")
    assert str(holder) in line
    assert Path("comms.prom").read_bytes() == before
    assert not list(Path().glob(".comms.prom.*"))


@contextmanager
def held(file: str) -> Iterator[int]:
    """Another process has the DuckDB file open for writing; its number."""
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield holder.pid
        holder.communicate("\n", timeout=10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--output", "comms.prom"), "output: it is for metrics; add --openmetrics"),
        (("--openmetrics", "--json"), "json: choose one of --json and --openmetrics"),
        (("--openmetrics", "--output", "nowhere/comms.prom"), "there is no folder nowhere"),
        (("--openmetrics", "--output", "."), "is a folder; name a file in it"),
    ],
)
def test_wrong_usage_of_metrics_is_exit_code_2(arguments: tuple[str, ...], message: str) -> None:
    """One sentence, and nothing is written."""
    done = comms("status", *arguments)

    assert done.exit_code == 2
    assert message in done.stderr
    assert not list(Path().iterdir())


def test_without_the_extra_metrics_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2 and one line; the status itself does not need it."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    done = comms("status", "--openmetrics")

    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert "pip install 'comms-source[metrics]'" in line
    assert comms("status").exit_code == 0
