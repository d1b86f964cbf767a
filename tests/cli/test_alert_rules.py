"""`pipelines/alerts.rules.yml`: each alert is raised when it should be, and not before."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from comms_source.commands.status_metrics import METRICS

RULES: Final = Path(__file__).parents[2] / "pipelines" / "alerts.rules.yml"
PROMTOOL: Final = shutil.which("promtool")
ACCOUNT: Final = {"account": "shop"}
CHANNEL: Final = {"account": "shop", "channel": "emails"}
TAGS: Final = {**CHANNEL, "kind": "tags", "outcome": "expired"}
HOURS: Final = 26
"""How long each case lasts, with a value each minute; Prometheus' time begins at 0."""
MINUTES: Final = HOURS * 60

needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")


def promtool(*arguments: str) -> str:
    """What promtool prints; it must succeed."""
    done = subprocess.run(
        [str(PROMTOOL), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def series(name: str, labels: dict[str, str], values: str) -> dict[str, str]:
    """Values of one series, in promtool's notation."""
    inside = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return {"series": f"{name}{{{inside}}}", "values": values}


def steady(start: int, step: int = 0) -> str:
    """Values that begin with `start` and grow by `step` each minute."""
    return f"{start}+{step}x{MINUTES}"


CASES: Final = {
    "CommsMetricsStale": (
        [series("comms_status_timestamp_seconds", ACCOUNT, steady(0))],
        [series("comms_status_timestamp_seconds", ACCOUNT, steady(0, 60))],
        ACCOUNT,
    ),
    "CommsStatusUnknown": (
        [series("comms_status_success", ACCOUNT, steady(0))],
        [series("comms_status_success", ACCOUNT, steady(1))],
        ACCOUNT,
    ),
    "CommsLoadStale": (
        [series("comms_last_complete_read_timestamp_seconds", CHANNEL, steady(0))],
        [series("comms_last_complete_read_timestamp_seconds", CHANNEL, steady(0, 60))],
        CHANNEL,
    ),
    "CommsNeverRead": (
        [series("comms_operations", CHANNEL, steady(0))],
        [
            series("comms_operations", CHANNEL, steady(0)),
            series("comms_last_complete_read_timestamp_seconds", CHANNEL, steady(0, 60)),
        ],
        CHANNEL,
    ),
    "CommsDeadlineNear": (
        [series("comms_deadline_timestamp_seconds", CHANNEL, steady((HOURS + 47) * 3600))],
        [series("comms_deadline_timestamp_seconds", CHANNEL, steady((HOURS + 49) * 3600))],
        CHANNEL,
    ),
    "CommsNewGap": (
        [series("comms_gap_seconds", CHANNEL, f"7200x{MINUTES - 60} 10800x60")],
        [series("comms_gap_seconds", CHANNEL, steady(7200))],
        CHANNEL,
    ),
    "CommsRejectedRows": (
        [series("comms_rejected_rows", CHANNEL, steady(3))],
        [series("comms_rejected_rows", CHANNEL, steady(0))],
        CHANNEL,
    ),
    "CommsChannelRefused": (
        [series("comms_channel_refused", CHANNEL, steady(1))],
        [series("comms_channel_refused", CHANNEL, steady(0))],
        CHANNEL,
    ),
    "CommsDetailsExpired": (
        [series("comms_details_operations", TAGS, f"5x{MINUTES - 60} 6x60")],
        [series("comms_details_operations", TAGS, steady(5))],
        TAGS,
    ),
}
"""By alert: values that raise it, values that do not, and the labels that it has."""


def case(alert: str, values: list[dict[str, str]], labels: dict[str, str] | None) -> dict[str, Any]:
    """Values for promtool to play; at their end the alert must be raised with `labels`, or not."""
    severity = re.search(rf"{alert}\n(?:.*\n)*?.*severity: (\w+)", RULES.read_text())
    assert severity is not None
    found = [{"exp_labels": {**labels, "severity": severity[1]}}] if labels else []
    expected = {"eval_time": f"{HOURS}h", "alertname": alert, "exp_alerts": found}
    return {"interval": "1m", "input_series": values, "alert_rule_test": [expected]}


def without_annotations(rules: str) -> str:
    """The rules without their texts, which promtool would compare too."""
    lines, kept, depth = rules.splitlines(), [], None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if depth is not None and indent > depth:
            continue
        depth = indent if line.strip() == "annotations:" else None
        kept += [] if depth is not None else [line]
    return "\n".join([*kept, ""])


@needs_promtool
def test_promtool_accepts_the_rules() -> None:
    """All of them."""
    assert f"{len(CASES)} rules found" in promtool("check", "rules", str(RULES))


@pytest.mark.slow
@needs_promtool
def test_each_alert_is_raised_when_it_should_be() -> None:
    """And is not where all is well."""
    Path(RULES.name).write_text(without_annotations(RULES.read_text()), encoding="utf-8")
    tests = [
        case(alert, values, expected)
        for alert, (bad, good, labels) in CASES.items()
        for values, expected in ((bad, labels), (good, None))
    ]
    played = {"rule_files": [RULES.name], "evaluation_interval": "5m", "tests": tests}
    Path("cases.yml").write_text(json.dumps(played), encoding="utf-8")  # JSON is YAML too

    assert "SUCCESS" in promtool("test", "rules", "cases.yml")


def test_the_rules_use_metrics_that_exist() -> None:
    """By their whole names, and each rule has a case here."""
    text = RULES.read_text()
    names = {metric.name for metric in METRICS} | {"comms_status_success"}

    assert set(re.findall(r"\bcomms_[a-z_]+", text)) <= names
    assert set(re.findall(r"alert: (\w+)", text)) == CASES.keys()


def test_each_alert_is_documented() -> None:
    """In the page on monitoring, and no other."""
    page = (RULES.parents[1] / "docs" / "monitoring.md").read_text()

    assert set(re.findall(r"`(Comms[A-Z]\w+)`", page)) == CASES.keys()
