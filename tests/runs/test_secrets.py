"""No credential and no page token is in the output or the files of a run."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from comms_source.api.authorization import basic_token
from comms_source.api.redaction import guard_http_logs, scrub
from comms_source.config.credentials import BasicCredentials
from comms_source.config.resolve import TwilioCredentials
from comms_source.config.settings import Settings
from comms_source.errors import RequestRefused
from comms_source.extract.session import Session
from comms_source.sandbox import (
    ACCOUNT_ID,
    AUTH_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    Clock,
    Fault,
    Sandbox,
    SandboxSettings,
    access_tokens,
    paging,
)
from tests.support import NOW, oauth_for, session_for, settings_for, statuses_of_token_requests

SECRETS = (
    AUTH_TOKEN,
    basic_token(BasicCredentials(ACCOUNT_ID, AUTH_TOKEN)),
    CLIENT_SECRET,
    paging.MARK,
    access_tokens.MARK,
)
"""The password, what is sent of it, the secret of the OAuth app, and how every page token and every
access token of the sandbox begins."""

FAULTS = (
    Fault(kind="echo_secrets", channel="emails", first=3, every=4),
    Fault(kind="redirect", channel="messages", first=6, count=1),
    Fault(kind="repeat_token", channel="messages", first=9, count=2),
    Fault(kind="reset", first=5, every=7, count=3),
    Fault(kind="row_without_id", channel="emails", rows=9),
)

OAUTH_FAULTS = (
    *FAULTS,
    Fault(kind="unauthorized", channel="push_notifications", first=2, count=1),
    Fault(kind="redirect", endpoint="token", first=2, count=1),
    Fault(kind="reset", endpoint="token", first=3, count=1),
)
"""After which a token is replaced, and its request repeats the secret in a header."""

LOAD_AT_DEBUG = """
import logging, pickle, runpy, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
logging.basicConfig = lambda **_: None
from comms_source.cli import main
sys.argv = ["comms", "--verbose", *sys.argv[1:]]
main()
"""


def run_at_debug(
    sandbox: Sandbox, *arguments: str, with_oauth: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """A command in its own process, with every logger at DEBUG."""
    prefix = "SOURCES__COMMS_SOURCE__CREDENTIALS"
    of_account = {"TWILIO_ACCOUNT_SID": ACCOUNT_ID, "TWILIO_AUTH_TOKEN": AUTH_TOKEN}
    of_app = {
        f"{prefix}__CLIENT_ID": CLIENT_ID,
        f"{prefix}__CLIENT_SECRET": CLIENT_SECRET,
        f"{prefix}__TOKEN_URL": sandbox.token_url,
        # Threads that wait for a token share its failure: together, all channels could fail.
        "SOURCES__COMMS_SOURCE__CONCURRENCY": "1",
    }
    environment = os.environ | {
        "SOURCES__COMMS_SOURCE__BASE_URL": sandbox.url,
        "SOURCES__COMMS_SOURCE__PAGE_SIZE": "20",
        "RUNTIME__LOG_LEVEL": "DEBUG",
        **(of_app if with_oauth else of_account),
    }
    return subprocess.run(
        [sys.executable, "-c", LOAD_AT_DEBUG, *arguments],
        env=environment,
        capture_output=True,
        timeout=120,
        check=False,
    )


def found_in(content: bytes) -> list[str]:
    """Which of the secrets are in some bytes."""
    return [secret for secret in SECRETS if secret.encode() in content]


def dump(path: Path) -> bytes:
    """The content of a DuckDB file as text, since compression could hide a secret."""
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables"
        ).fetchall()
        rows = [
            connection.execute(f'select * from "{schema}"."{name}"').fetchall()
            for schema, name in tables
        ]
    return repr(rows).encode()


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [("load",), ("load", "--json"), ("check",), ("check", "--json")]
)
def test_nothing_that_a_command_writes_contains_a_secret(
    sandbox: Sandbox, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Output, logs at DEBUG, files, database, state and trace, with a server that echoes them."""
    sandbox.faults.replace(FAULTS)

    done = run_at_debug(sandbox, *command)

    assert b"DEBUG" in done.stderr
    assert found_in(done.stdout + done.stderr) == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path: found for path in files if (found := found_in(path.read_bytes()))} == {}
    if command[0] == "load":
        assert done.returncode == 3
        assert any(path.name == "trace.pickle" for path in files)
        assert found_in(dump(Path("twilio_comms.duckdb"))) == []
        assert b"***" in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", [("load",), ("load", "--json"), ("check", "--json")])
def test_nothing_that_a_command_writes_contains_an_access_token(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Nor the secret of an OAuth app, with servers that echo both, and tokens that are replaced."""
    settings = SandboxSettings(
        operations_per_week=300, token_lifetime=timedelta(minutes=5), faults=OAUTH_FAULTS
    )
    with Sandbox(settings, Clock(NOW)) as sandbox:
        done = run_at_debug(sandbox, *command, with_oauth=True)
        issued = statuses_of_token_requests(sandbox)

    assert b"DEBUG" in done.stderr
    assert issued.count(200) >= (2 if command[0] == "load" else 1)
    assert found_in(done.stdout + done.stderr) == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path: found for path in files if (found := found_in(path.read_bytes()))} == {}
    if command[0] == "load":
        assert done.returncode == 3
        assert 302 in issued
        assert b"client_secret=***" in done.stderr
        assert any(path.name == "trace.pickle" for path in files)
        assert found_in(dump(Path("twilio_comms.duckdb"))) == []


@pytest.mark.slow
def test_a_refused_secret_that_is_echoed_is_not_shown(sandbox: Sandbox, tmp_path: Path) -> None:
    """By a token server that repeats it in its message."""
    sandbox.faults.replace([Fault(kind="echo_secrets", endpoint="token")])

    done = run_at_debug(sandbox, "load", with_oauth=True)

    assert done.returncode == 2
    assert b"(400: 20001 Cannot read *** of" in done.stderr
    assert found_in(done.stdout + done.stderr) == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path: found for path in files if (found := found_in(path.read_bytes()))} == {}


def test_the_search_would_find_a_secret(tmp_path: Path) -> None:
    """The tests above rely on that."""
    (tmp_path / "leak").write_bytes(b"..." + AUTH_TOKEN.encode())

    assert found_in((tmp_path / "leak").read_bytes()) == [AUTH_TOKEN]


@pytest.mark.parametrize("with_oauth", [False, True])
def test_no_error_contains_a_secret(sandbox: Sandbox, with_oauth: bool) -> None:
    """Neither its text nor its chain of causes."""
    sandbox.faults.replace([Fault(kind="echo_secrets")])
    changes = {"credentials": oauth_for(sandbox)} if with_oauth else {}
    session = session_for(sandbox, **changes)
    with session.connected() as client, pytest.raises(RequestRefused, match=r"\*\*\*") as caught:
        client.list_page(channel=session.settings.selected[0], span=None)

    error: BaseException | None = caught.value
    while error is not None:
        assert found_in(f"{error!r} {vars(error)!r}".encode()) == []
        error = error.__cause__


def test_no_repr_shows_a_password(sandbox: Sandbox) -> None:
    """Neither of credentials, nor of objects that contain them."""
    given: dict[str, Any] = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    of_account = TwilioCredentials(account_id=ACCOUNT_ID, auth_token=AUTH_TOKEN)

    for credentials in (of_account, TwilioCredentials(**given)):
        settings: Settings = settings_for(sandbox, credentials=credentials.chosen())
        session = Session(settings=settings)
        for shown in (settings.credentials, settings, session, credentials, str(credentials)):
            assert found_in(repr(shown).encode()) == []


def test_the_http_library_logs_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Its lines show the whole query and each header of a response; at every level."""
    guard_http_logs()
    guard_http_logs()
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("httpx").info(
            'HTTP Request: GET %s "200"', "https://x/v1?pageToken=abc%3D&pageSize=5"
        )
        for echoed in (
            "(b'Location', b'/x?pageToken=abc')",
            "(b'Location', b'/x?grant_type=y&client_secret=abc')",
            "(b'Location', b'/x#access_token=abc')",
            "(b'X-Echo', b'Bearer abc.defghijklmnopqrstuvw')",
        ):
            logging.getLogger("httpcore.http11").debug("headers [%s]", echoed)

    assert "abc" not in caplog.text
    assert "Bearer ***" in caplog.text
    assert "pageToken=***&pageSize=5" in caplog.text


def test_scrubbing_hides_encoded_forms_and_keeps_lines_short() -> None:
    """Secrets are removed in each URL-encoded form; long texts are cut, and have one line."""
    secret = "a+b/c=="
    text = scrub(f"{secret} a%2Bb%2Fc%3D%3D \n\x1b[2J {'x' * 999}", secrets=[secret, None, ""])

    assert text.startswith("*** ***  [2J xxx")
    assert len(text) < 320
    assert "\n" not in text


@pytest.mark.slow
def test_json_output_is_json(sandbox: Sandbox) -> None:
    """With --json, standard output contains nothing else, at any log level."""
    done = run_at_debug(sandbox, "load", "--json")

    assert json.loads(done.stdout)["outcome"] == "complete"
