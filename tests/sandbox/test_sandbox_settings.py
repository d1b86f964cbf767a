"""Valid and invalid settings of a sandbox."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from comms_source.channels import CHANNELS
from comms_source.sandbox import Fault, SandboxSettings, Trouble, sample_names
from tests.support import NOW

REFUSED: list[tuple[str, Any]] = [
    ("start_bound", "open"),
    ("end_bound", ""),
    ("order", "sideways"),
    ("tokens", "Strict"),
    ("timestamps", "microseconds"),
    ("past_retention", "keep"),
    ("out_of_range", "ignore"),
    ("operations_per_week", -1),
    ("operations_per_week", {"emails": -1}),
    ("operations_per_week", {"faxes": 5}),
    ("readings", {"faxes": "exclusive"}),
    ("readings", {"emails": "Cumulative"}),
    ("forbidden", {"SK1": frozenset({"faxes"})}),
    ("retention", timedelta(seconds=-1)),
    ("visibility_lag", timedelta(seconds=-1)),
    ("resource_lag", timedelta(seconds=-1)),
    ("push_envelope", "pushes"),
    ("latency", timedelta(seconds=-1)),
    ("rate_limit", 0),
    ("rate_limit", -2.5),
    ("troubles", ("no_receipts",)),
    ("samples", ("message_lost",)),
    ("samples", ("error_404",)),
]


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_an_invalid_value_is_refused_by_name(name: str, value: Any) -> None:
    """At once, whether it is unknown or out of range."""
    with pytest.raises(ValueError, match=f"^{name}: "):
        SandboxSettings(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("operations_per_week", 0),
        ("operations_per_week", {}),
        ("readings", {}),
        ("readings", dict.fromkeys(CHANNELS, "cumulative")),
        ("forbidden", {"SK1": frozenset(CHANNELS)}),
        ("retention", timedelta(0)),
        ("rate_limit", 0.1),
        ("samples", tuple(sample_names())),
        ("faults", (Fault(kind="reset"),)),
        ("troubles", (Trouble("no_receipts", NOW, NOW + timedelta(microseconds=1)),)),
    ],
)
def test_a_value_at_the_edge_of_its_range_is_accepted(name: str, value: Any) -> None:
    """Valid values are not refused."""
    assert getattr(SandboxSettings(**{name: value}), name) == value


def test_the_volume_is_common_or_set_by_channel() -> None:
    """A channel that is not named has no operations."""
    common, own = (
        SandboxSettings(operations_per_week=volume) for volume in (7, {"emails": 5, "messages": 0})
    )

    assert [common.volume(channel) for channel in CHANNELS] == [7, 7, 7]
    assert [own.volume(channel) for channel in CHANNELS] == [0, 5, 0]


def test_two_sandboxes_do_not_share_mutable_defaults() -> None:
    """A dict that one of them changes is its own."""
    one, other = SandboxSettings(), SandboxSettings()

    assert one == other
    for name in (field.name for field in fields(SandboxSettings)):
        value = getattr(one, name)
        assert not isinstance(value, dict) or value is not getattr(other, name)
