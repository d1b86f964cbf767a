"""`comms rejected`: what it prints, what it marks, and its exit codes."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner, Result

from comms_source.cli.app import app
from comms_source.sandbox import Fault, Sandbox
from tests.support import last_second, load

HEADING = re.compile(r"default  emails  (comms_operation_\w+)")
REPORTED = "could not be stored"


@pytest.fixture
def loaded(sandbox: Sandbox) -> Sandbox:
    """A sandbox of the present, of which six rows could not be read."""
    sandbox.clock.set(last_second())
    sandbox.faults.replace([Fault(kind="row_without_created_at", channel="emails", rows=55)])
    assert load(sandbox).exit_code == 3
    return sandbox


def comms(*arguments: str) -> Result:
    """Run a command in this process, without credentials."""
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.mark.slow
@pytest.mark.usefixtures("loaded")
def test_open_rows_are_listed_and_acknowledged() -> None:
    """By id, then all; status and report stop mentioning them, and `--all` shows them still."""
    listed = comms("rejected")
    lines = listed.stdout.splitlines()
    ids = [found[1] for line in lines if (found := HEADING.fullmatch(line))]
    assert listed.exit_code == 0
    assert len(ids) == 6
    assert lines[1].startswith("    open, read 20")
    assert lines[1].endswith("Z: createdAt is missing")
    assert lines[-1].startswith("6 rows are open; ")
    assert max(map(len, lines)) <= 80
    assert "rejected rows" in comms("status").stdout
    assert REPORTED in " ".join(comms("report").stdout.split())

    marked = comms("rejected", "--acknowledge", *ids[:2])
    assert (marked.exit_code, marked.stdout.splitlines()[-1]) == (0, "2 rows acknowledged")
    assert comms("rejected").stdout.splitlines()[-1].startswith("4 rows are open; ")
    assert comms("rejected", "--acknowledge-all").stdout.endswith("\n4 rows acknowledged\n")
    assert comms("rejected").stdout == "no row is open; --all lists the others\n"
    assert comms("rejected", "--acknowledge-all").stdout == "no row is open\n"
    assert len(HEADING.findall(comms("rejected", "--all").stdout)) == 6
    assert "rejected rows" not in comms("status").stdout
    assert REPORTED not in comms("report").stdout


def test_rows_are_listed_as_json(loaded: Sandbox) -> None:
    """With their state, also what a marking returns."""
    content = json.loads(comms("rejected", "--json").stdout)
    (row, *_) = content["rows"]

    assert (content["exit_code"], content["open"], len(content["rows"])) == (0, 6, 6)
    assert row.keys() == {
        *("account", "channel", "operation_id", "row_key", "reason"),
        *("synced_at", "state", "acknowledged_at"),
    }
    assert row["operation_id"] in {each["id"] for each in loaded.truth("emails")}
    assert (row["state"], row["acknowledged_at"]) == ("open", None)
    marked = json.loads(comms("rejected", "--json", "--acknowledge", row["row_key"]).stdout)
    assert [each["state"] for each in marked["rows"]] == ["acknowledged"]
    assert marked["rows"][0]["acknowledged_at"]


WRONG = {
    "--acknowledge": "name ids of operations or row keys",
    "--acknowledge --acknowledge-all x": "either --acknowledge or --acknowledge-all",
    "x": "ids go with --acknowledge",
    "--acknowledge x": "no rejected row has 'x'",
    "--account nobody": "nothing of 'nobody' was ever loaded",
    "--channel letters": "letters",
}


@pytest.mark.slow
@pytest.mark.usefixtures("loaded")
def test_wrong_usage_is_exit_code_2_and_one_line() -> None:
    """With --json also an object."""
    for arguments, message in WRONG.items():
        done = comms("rejected", *arguments.split())
        failure = json.loads(comms("rejected", "--json", *arguments.split()).stdout)

        assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
        assert message in done.stderr
        assert (failure["exit_code"], failure["error"]) == (2, "ConfigurationError")


@pytest.mark.parametrize("arguments", [[], ["--acknowledge-all"]])
def test_before_the_first_load_there_is_nothing_to_list(arguments: list[str]) -> None:
    """That is no failure."""
    done = comms("rejected", *arguments)

    assert (done.exit_code, done.stderr) == (0, "")
    assert "run comms load first" in done.stdout
