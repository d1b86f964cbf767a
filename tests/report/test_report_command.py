"""The command `comms report`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from comms_source.channels import CHANNELS
from comms_source.cli.app import app
from comms_source.cli.output_file import write_file
from comms_source.errors import ConfigurationError
from comms_source.report.data.facts import Facts
from comms_source.report.findings.periods import day_of, week_of
from comms_source.report.html.rendering import page as page_of
from comms_source.report.wording import count, percent
from tests.report.sample_data import NOW, Warehouse, facts_in, write


@pytest.fixture
def stored(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands read the test warehouse, at its time."""
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(warehouse))
    monkeypatch.setattr("comms_source.timespans.utc_now", lambda: NOW)


def report(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, ["report", *arguments], catch_exceptions=False)


@pytest.mark.slow
@pytest.mark.usefixtures("stored")
def test_the_terminal_shows_three_periods_per_channel(facts: Facts) -> None:
    """Today, yesterday and seven days, with the figures in the database."""
    shown = report()
    lines = [re.split(r" {2,}", line.strip()) for line in shown.stdout.splitlines()]

    assert shown.exit_code == 0
    at = [position for position, line in enumerate(lines) if line[0] in CHANNELS]
    for position, channel in zip(at[: len(CHANNELS)], facts.channels, strict=True):
        periods = (day_of(channel, facts.context, 0), day_of(channel, facts.context, 1))
        sums = [*(day.sums for day in periods), week_of(channel, facts.context).sums]
        rows = lines[position + 1 : position + 4]
        assert [row[0].split()[0] for row in rows] == ["today", "yesterday", "7"]
        assert [row[1] for row in rows] == [count(each.requested) for each in sums]
        shares = [row[2].removesuffix(" acc.") for row in rows]
        assert shares == [percent(each.success) for each in sums]
        if sums[-1].has_receipts:
            assert [row[4] for row in rows] == [percent(each.without_outcome) for each in sums]


@pytest.mark.slow
@pytest.mark.usefixtures("stored")
def test_the_terminal_shows_problems_and_finality() -> None:
    """Stuck operations and lost time; which days may still change, and until when."""
    shown = " ".join(report().stdout.split())

    for expected in (
        r"! messages: 7 h of sends were never read, 12 Nov, 18:00 to 13 Nov, 01:00 \(since",
        r"! messages: 27 operations being processed for longer than usual -> ask Twilio",
        r"- emails: 1 row of the API in the last 7 days could not be stored -> run comms rejected",
        r"stuck_00 processing_too_long, created 21 November 2026, 12:00, 400 waiting",
        r"23 older ones in the view stuck_operations",
        r"emails: 18.21 November may still change, until 28 November 2026, 16:22 at the latest",
    ):
        assert re.search(expected, shown), expected


@pytest.mark.usefixtures("stored")
def test_json_is_one_object() -> None:
    """With the named channels only."""
    content = json.loads(report("--json", "--channel", "emails").stdout)

    assert list(content["channels"]) == ["emails"]
    assert content["made_at"] == "2026-11-21T18:00:00Z"


@pytest.mark.slow
@pytest.mark.usefixtures("stored")
def test_a_page_is_written_and_named(warehouse: Path) -> None:
    """It replaces an old one, and is the same each time."""
    Path("report.html").write_text("old", encoding="utf-8")
    done = report("--html", "report.html", "--channel", "push_notifications")
    page = page_of(facts_in(warehouse, channels=["push_notifications"]))

    assert done.exit_code == 0
    assert Path("report.html").read_text(encoding="utf-8") == page
    assert done.stdout == f"report.html, {len(page.encode()):,} bytes\n"
    assert [path.name for path in Path().iterdir()] == ["report.html"]


def test_a_page_is_written_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """If writing fails, the old page stays, and no temporary file is left."""
    target = Path("report.html")
    target.write_text("old", encoding="utf-8")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        write_file("new", target, option="html")
    assert target.read_text(encoding="utf-8") == "old"
    assert [path.name for path in Path().iterdir()] == ["report.html"]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("target", ["nowhere/report.html", "."])
def test_a_page_that_cannot_be_written_is_exit_code_2(target: str) -> None:
    """It is refused before the views are read."""
    done = report("--html", target)

    assert done.exit_code == 2
    assert "html: " in done.stderr


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("missing", ["altair", "jinja2", "vl_convert"])
def test_without_the_extra_only_the_page_is_refused(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """With exit code 2, and the message names what to install."""
    monkeypatch.setitem(sys.modules, missing, None)
    done = report("--html", "report.html")

    assert done.exit_code == 2
    assert "pip install 'comms-source[report]'" in done.stderr
    assert not Path("report.html").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("stored")
def test_the_terminal_report_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither does the JSON report."""
    for name in ("altair", "jinja2", "markupsafe", "vl_convert"):
        monkeypatch.setitem(sys.modules, name, None)

    assert report().exit_code == report("--json").exit_code == 0


def test_without_tables_it_says_what_to_run_first() -> None:
    """As `comms views` does: nothing failed, and it creates no file."""
    done = report()

    assert done.exit_code == 0
    assert "has no tables in comms yet; run comms load first" in done.stdout
    assert not list(Path().iterdir())


@pytest.mark.slow
def test_without_views_it_says_how_to_create_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older version may have created other views."""
    import duckdb  # noqa: PLC0415 - for this test only

    write(Warehouse())
    with duckdb.connect("warehouse.duckdb") as db:
        db.execute("drop view comms.settle_curve")
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "warehouse.duckdb")
    done = report()

    assert done.exit_code == 1
    assert "run comms load, which creates" in done.stderr


@pytest.mark.usefixtures("stored")
def test_an_unknown_channel_is_exit_code_2() -> None:
    """The message names the channels that exist."""
    done = report("--channel", "letters")

    assert done.exit_code == 2
    assert "push_notifications" in done.stderr


@pytest.mark.slow
def test_what_the_configuration_no_longer_loads_raises_no_alert(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An account that it does not name, or a channel of an account."""
    from tests.report.sample_data import DAY, run  # noqa: PLC0415

    failed = {**run(outcome="failed", ago=60 * DAY), "channels": '{"emails": {}}'}
    write(Warehouse(records={"runs": [failed]}))
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "warehouse.duckdb")
    monkeypatch.setattr("comms_source.timespans.utc_now", lambda: NOW)
    account, alert = "SOURCES__COMMS_SOURCE__ACCOUNTS", "the last run was not complete (acme)"

    for names, channels in (("shop", "emails"), ("acme", "messages"), ("acme", "emails")):
        monkeypatch.setenv(account, json.dumps([names]))
        monkeypatch.setenv(f"{account}__{names.upper()}__CHANNELS", json.dumps([channels]))
        shown = " ".join(report().stdout.split())
        assert (alert in shown) is ((names, channels) == ("acme", "emails"))


@pytest.mark.slow
def test_control_characters_do_not_reach_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """They could be part of an id."""
    from tests.report.sample_data import HOUR, messages  # noqa: PLC0415

    odd = messages("\x1b[31mred", created_at=NOW - 3 * HOUR, queued=5, status="PROCESSING")
    write(Warehouse(operations=[odd]))
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "warehouse.duckdb")
    monkeypatch.setattr("comms_source.timespans.utc_now", lambda: NOW)
    shown = report().stdout

    assert "\x1b" not in shown
    assert "[31mred" in shown


@pytest.mark.slow
def test_an_empty_database_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are no zeros where nothing is known."""
    write(Warehouse())
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "warehouse.duckdb")
    shown = report().stdout

    assert "No operation is stored yet." in shown
    assert "wrong" not in shown
