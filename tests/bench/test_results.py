"""The evaluation of benchmark runs; the runs themselves are not tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.measuring import Measured
from tests.bench.participants import FLOOR, OURS, Outcome, Participant, Peer
from tests.bench.report import as_json, as_markdown, as_text
from tests.bench.results import Result, results
from tests.bench.rounds import Entry, Run
from tests.bench.serve import settings_for
from tests.bench.servers import Offer


def run(seconds: float, *, wrong: str | None = None) -> Run:
    """A run with a duration."""
    measured = Measured(
        seconds=seconds, cpu_seconds=seconds, peak_mb=100, status=0, overdue=False, output="",
        errors="",
    )  # fmt: skip
    outcome = Outcome(rows=10, versions={"dlt": "1"})
    return Run(measured=measured, server_cpu_seconds=0.5, outcome=outcome, wrong=wrong)


def entry(name: str, *seconds: float, operations: int = 1000) -> Entry:
    """A participant with the durations of its runs."""
    peer: Participant = Peer(name=name, note="a | b")
    return Entry(participant=peer, operations=operations, runs=[run(took) for took in seconds])


def table(*entries: Entry) -> dict[str, Result]:
    """The results by name, for a thousand operations."""
    return {result.participant: result for result in results(entries, operations=1000)}


def test_ratios_are_of_medians() -> None:
    """So one slow run of three has no effect."""
    made = table(entry(FLOOR, 1, 2, 90), entry(OURS, 4, 4, 4), entry("peer", 20, 20, 5))

    assert (made[OURS].times_floor, made["peer"].times_ours) == (2.0, 5.0)


def test_fewer_operations_are_extrapolated_and_marked() -> None:
    """In proportion; memory is as measured."""
    made = table(entry(OURS, 4), entry("slow", 3, operations=100))

    assert (made["slow"].seconds, made["slow"].times_ours, made["slow"].peak_mb) == (30, 7.5, 100)
    assert made["slow"].extrapolated_to == 1000
    assert "~30.00" in as_markdown(list(made.values()), machine={"CPU": "x"}, repeat=1)


def test_an_invalid_run_is_shown_and_does_not_count() -> None:
    """A run that missed rows is not faster."""
    bad = entry("bad", 5)
    bad.runs.append(run(1, wrong="read 9 of 10 operations"))
    made = results([bad], operations=1000)

    assert made[0].seconds == 5
    for write in (as_text, as_markdown, as_json):
        assert "read 9 of 10" in write(made, machine={}, repeat=2)
    assert json.loads(as_json(made, machine={}, repeat=2))["results"][0]["runs"] == 1


@pytest.mark.parametrize("channels", [("messages",), ("messages", "emails")])
def test_an_offer_is_passed_to_its_server(channels: tuple[str, ...]) -> None:
    """As JSON, and only its channels have operations."""
    offer = {"operations": 600, "channels": list(channels), "latency": 0.1, "rate_limit": None}
    assert Offer(600, channels, 0.1) == Offer(**offer | {"channels": channels})  # type: ignore[arg-type]

    settings = settings_for(json.loads(json.dumps(offer)))

    volumes = settings.operations_per_week
    assert {name for name, volume in volumes.items() if volume} == set(channels)  # type: ignore[union-attr]
    assert settings.latency.total_seconds() == 0.1


def test_every_peer_has_a_script_and_its_requirements() -> None:
    """The requirements are pinned, and have no address of a registry."""
    peers = Path(__file__).with_name("peers")
    for script in peers.glob("*.py"):
        lines = script.with_suffix(".txt").read_text(encoding="utf-8").split()
        assert lines
        assert all("==" in line and "://" not in line for line in lines)
