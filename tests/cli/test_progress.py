"""The progress of a run."""

from __future__ import annotations

import io
import sys

import pytest

from comms_source.cli import progress
from comms_source.cli.progress import watching
from comms_source.extract.run_stats import RunStats


class Terminal(io.StringIO):
    """Standard error as a terminal."""

    def isatty(self) -> bool:
        """Always true."""
        return True


def half_done() -> RunStats:
    """A run that is in progress."""
    stats = RunStats()
    record = stats.channel("emails")
    record.scans, record.scans_done = 8, 3
    record.pages, record.operations = 12, 11_500
    return stats


def test_without_a_terminal_a_line_is_printed_from_time_to_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For each channel; not for every page."""
    now = [100.0]
    monkeypatch.setattr("comms_source.cli.progress.time.monotonic", lambda: now[0])
    stats = half_done()
    with watching() as watch:
        stats.watch(watch)
        stats.changed()
        assert capsys.readouterr().err == ""
        now[0] += progress.SECONDS_BETWEEN_LINES
        stats.changed()
        stats.changed()

    assert capsys.readouterr().err == (
        "emails: 11,500 operations, 12 pages, 3 of 8 scans, about 17 s left\n"
    )


def test_on_a_terminal_there_are_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error, so that standard output is clean; they are removed at the end."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stats = half_done()
    with watching() as watch:
        stats.watch(watch)
        stats.changed()
        stats.channel("emails").scans_done = 8
        stats.channel("messages")
        stats.changed()

    assert "8 of 8 scans" in terminal.getvalue()
    assert "messages" in terminal.getvalue()


def test_a_short_run_prints_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even one line."""
    with watching() as watch:
        half_done().watch(watch)

    assert capsys.readouterr() == ("", "")
