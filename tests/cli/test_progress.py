"""What a person sees while a run goes on."""

from __future__ import annotations

import io
import sys

import pytest

from comms_source.cli import progress
from comms_source.cli.progress import watching
from comms_source.extract.run_stats import Journal


class Terminal(io.StringIO):
    """Standard error of somebody who is watching."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def half_done() -> Journal:
    """A run that is under way."""
    journal = Journal()
    record = journal.channel("emails")
    record.walks_planned, record.walks_done = 8, 3
    record.pages, record.operations = 12, 11_500
    return journal


def test_under_cron_a_plain_line_comes_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For each channel; not for every page."""
    now = [100.0]
    monkeypatch.setattr("comms_source.cli.progress.time.monotonic", lambda: now[0])
    journal = half_done()
    with watching() as watch:
        journal.watch(watch)
        journal.changed()
        assert capsys.readouterr().err == ""
        now[0] += progress.SECONDS_BETWEEN_LINES
        journal.changed()
        journal.changed()

    assert capsys.readouterr().err == (
        "emails: 11,500 operations, 12 pages, 3 of 8 walks, about 17 s left\n"
    )


def test_on_a_terminal_bars_move(monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error, so that standard output stays clean; nothing is left behind."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    journal = half_done()
    with watching() as watch:
        journal.watch(watch)
        journal.changed()
        journal.channel("emails").walks_done = 8
        journal.channel("messages")
        journal.changed()

    assert "8 of 8 walks" in terminal.getvalue()
    assert "messages" in terminal.getvalue()


def test_nobody_hears_of_a_run_that_is_over_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A short run prints no progress."""
    with watching() as watch:
        half_done().watch(watch)

    assert capsys.readouterr() == ("", "")
