"""Troubles: their effects on the operations they apply to, and that others do not change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from comms_source.channels import CHANNELS
from comms_source.cli.app import app
from comms_source.sandbox import Clock, SandboxModel, SandboxSettings, Trouble, troubles_from
from comms_source.sandbox.instants import to_ms
from comms_source.sandbox.lifecycles import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    SETTLED_AFTER,
    Lifecycle,
    plan_lifecycle,
    state_at,
)
from comms_source.sandbox.population import GeneratedPopulation
from comms_source.sandbox.troubles import KINDS, apply_troubles, troubles_of
from tests.support import NOW

CREATED = datetime(2026, 11, 18, 12, tzinfo=UTC)
START, END = CREATED, CREATED + timedelta(hours=6)
STATES = (
    *("scheduled", "queued", "sent", "delivered", "read", "opened", "undelivered", "failed"),
    *("canceled", "unaddressable"),
)
MAILING = Lifecycle(
    channel=CHANNELS["messages"],
    created=to_ms(CREATED),
    kind="sent",
    total=1000,
    recipients=1000,
    start=to_ms(CREATED),
    end=to_ms(CREATED) + 20 * SECOND,
    unaddressable=50,
    failed=30,
    undelivered=20,
    delivered=880,
    read=440,
    delivery_pace=5 * MINUTE,
    read_pace=6 * HOUR,
    fallback=0.0,
    frozen_update=False,
)
SHOWN = ("unaddressable", "failed", "undelivered", "sent", "delivered", "read")


def trouble(kind: str, part: float | None = None, channel: str | None = None) -> Trouble:
    """A trouble with the operations created between `START` and `END`."""
    return Trouble(kind, START, END, channel, part)


def seen(life: Lifecycle, age: int, *, cumulative: bool = True) -> dict[str, int]:
    """The counters of a lifecycle at an age in milliseconds."""
    return state_at(life, life.created + age, cumulative=cumulative).stats


@pytest.mark.parametrize(
    ("troubles", "age", "counters"),
    [
        ([], MINUTE, (50, 30, 17, 920, 148, 1)),
        ([], HOUR, (50, 30, 20, 920, 880, 58)),
        ([], DAY, (50, 30, 20, 920, 880, 430)),
        ([trouble("no_receipts")], MINUTE, (50, 30, 17, 920, 0, 0)),
        ([trouble("no_receipts")], HOUR, (50, 30, 20, 920, 0, 0)),
        ([trouble("no_receipts")], DAY, (50, 30, 20, 920, 0, 0)),
        ([trouble("delivery_down", 0.25)], MINUTE, (50, 30, 210, 920, 109, 1)),
        ([trouble("delivery_down", 0.25)], HOUR, (50, 30, 250, 920, 650, 43)),
        ([trouble("delivery_down", 0.25)], DAY, (50, 30, 250, 920, 650, 317)),
        ([trouble("unaddressable_up", 3)], MINUTE, (150, 26, 14, 824, 133, 1)),
        ([trouble("unaddressable_up", 3)], HOUR, (150, 26, 17, 824, 790, 52)),
        ([trouble("unaddressable_up", 3)], DAY, (150, 26, 17, 824, 790, 384)),
    ],
)
def test_the_effects_of_troubles(
    troubles: list[Trouble], age: int, counters: tuple[int, ...]
) -> None:
    """On a mailing with 1,000 recipients, 950 of them addressable and 920 handed over."""
    stats = seen(apply_troubles(MAILING, troubles, key=1), age)

    assert tuple(stats[name] for name in SHOWN) == counters


@pytest.mark.parametrize(
    ("counters", "kind", "part", "expected"),
    [
        ((100, 0, 0, 0, 0), "unaddressable_up", 2, (100, 0, 0, 0, 0)),
        ((60, 4, 4, 30, 10), "unaddressable_up", 2, (100, 0, 0, 0, 0)),
        ((0, 4, 4, 90, 10), "unaddressable_up", 1e308, (0, 4, 4, 90, 10)),
        ((1, 4, 4, 90, 10), "unaddressable_up", 1e308, (100, 0, 0, 0, 0)),
        ((9, 4, 4, 83, 10), "unaddressable_up", 1, (9, 4, 4, 83, 10)),
        ((0, 20, 10, 70, 35), "delivery_down", 0.5, (0, 20, 50, 30, 15)),
        ((0, 20, 40, 38, 10), "delivery_down", 1, (0, 20, 78, 0, 0)),
        ((0, 20, 10, 70, 35), "delivery_down", 0, (0, 20, 10, 70, 35)),
        ((0, 20, 10, 70, 35), "failed_up", 0.5, (0, 60, 5, 35, 17)),
        ((0, 20, 10, 60, 30), "failed_up", 0.5, (0, 60, 5, 30, 15)),
        ((9, 20, 10, 61, 35), "failed_up", 1, (9, 91, 0, 0, 0)),
        ((0, 20, 10, 70, 35), "failed_up", 0, (0, 20, 10, 70, 35)),
        ((0, 100, 0, 0, 0), "failed_up", 1, (0, 100, 0, 0, 0)),
        ((0, 20, 10, 70, 35), "no_receipts", 0, (0, 20, 10, 70, 35)),
        ((0, 20, 10, 70, 35), "no_receipts", 1, (0, 20, 10, 0, 0)),
    ],
)
def test_the_edges_of_a_trouble(
    counters: tuple[int, ...], kind: str, part: float, expected: tuple[int, ...]
) -> None:
    """No count exceeds its maximum; a part of 0 or a factor of 1 changes nothing.

    Of 100 recipients: unaddressable, failed, undelivered, delivered, read.
    """
    names = ("unaddressable", "failed", "undelivered", "delivered", "read")
    plan: dict[str, Any] = dict(zip(names, counters, strict=True))
    life = apply_troubles(replace(MAILING, total=100, **plan), [trouble(kind, part)], key=1)

    assert tuple(getattr(life, name) for name in names) == expected


@pytest.mark.parametrize(
    ("after", "applies"),
    [
        (timedelta(milliseconds=-1), False),
        (timedelta(0), True),
        (timedelta(hours=6, milliseconds=-1), True),
        (timedelta(hours=6), False),
    ],
)
def test_the_start_is_included_and_the_end_is_not(after: timedelta, *, applies: bool) -> None:
    """To the millisecond, by creation time; the time of processing does not matter."""
    created = to_ms(START + after)
    life = replace(MAILING, created=created, start=created + DAY, end=created + DAY + HOUR)

    assert (apply_troubles(life, [trouble("no_receipts")], key=1) != life) == applies


def test_zones_are_equal_instants() -> None:
    """A range may be given in any time zone."""
    there = timezone(timedelta(hours=-8))
    elsewhere = Trouble("no_receipts", START.astimezone(there), END.astimezone(there))

    assert apply_troubles(MAILING, [elsewhere], key=1).delivered == 0


keys = st.integers(min_value=0, max_value=2**63)
parts = {
    "unaddressable_up": st.floats(min_value=1, max_value=50),
    "failed_up": st.floats(min_value=0, max_value=1),
    "delivery_down": st.floats(min_value=0, max_value=1),
    "stalled": st.floats(min_value=0, max_value=1),
    "no_receipts": st.floats(min_value=0, max_value=1),
}
several = st.lists(
    st.sampled_from(list(KINDS)).flatmap(
        lambda kind: st.builds(trouble, st.just(kind), parts[kind])
    ),
    max_size=4,
)
ages = st.one_of(
    st.integers(min_value=0, max_value=10 * MINUTE), st.integers(min_value=0, max_value=20 * DAY)
)


def planned(channel: str, key: int, created: datetime = CREATED) -> Lifecycle:
    """The lifecycle of an operation without troubles."""
    return plan_lifecycle(channel=CHANNELS[channel], created=to_ms(created), key=key)


def with_troubles(life: Lifecycle, troubles: Sequence[Trouble], key: int) -> Lifecycle:
    """The same with the troubles that its channel can show."""
    return apply_troubles(life, troubles_of(life.channel, troubles), key=key)


channels = st.sampled_from(list(CHANNELS))


@given(channels, keys, several, ages)
def test_sums_fit_in_exclusive_counters(
    channel: str, key: int, troubles: list[Trouble], age: int
) -> None:
    """Each recipient has at most one state at any age, and exactly one in the end."""
    life = with_troubles(planned(channel, key), troubles, key)
    now, last = seen(life, age, cumulative=False), seen(life, 30 * DAY, cumulative=False)

    assert min(now.values()) >= 0
    assert sum(now.get(name, 0) for name in STATES) <= life.total
    total = 0 if life.kind == "group" else life.total
    assert sum(last.get(name, 0) for name in STATES) == total


@given(channels, keys, several, ages)
def test_sums_fit_in_cumulative_counters(
    channel: str, key: int, troubles: list[Trouble], age: int
) -> None:
    """Each stage is a part of the one before."""
    life = with_troubles(planned(channel, key), troubles, key)
    stats = seen(life, age)

    received = stats.get("delivered", 0)
    assert received + stats.get("undelivered", 0) <= stats["sent"]
    assert received >= stats.get("read", 0)
    assert received >= stats.get("opened", 0)
    assert stats["sent"] + stats["failed"] + stats.get("unaddressable", 0) <= life.total


@given(channels, keys, several, st.lists(ages, min_size=2, max_size=5))
def test_counters_only_grow(
    channel: str, key: int, troubles: list[Trouble], looks: list[int]
) -> None:
    """Except counters of waiting resources, and nothing changes after all are settled."""
    life = with_troubles(planned(channel, key), troubles, key)
    states = [seen(life, age) for age in sorted(looks)]
    grows = states[0].keys() - {"scheduled", "queued"}

    for before, after in pairwise(states):
        assert all(before[name] <= after[name] for name in grows)
    settled = life.start - life.created + max(SETTLED_AFTER, life.end - life.start)
    assert seen(life, settled) == seen(life, settled + 30 * DAY)


@given(channels, keys, several)
def test_the_order_of_troubles_does_not_matter(
    channel: str, key: int, troubles: list[Trouble]
) -> None:
    """If they have different kinds, because they are applied in the order of their kinds."""
    one_each = list({trouble.kind: trouble for trouble in troubles}.values())
    life = planned(channel, key)

    assert with_troubles(life, one_each, key) == with_troubles(life, one_each[::-1], key)


@given(
    channels,
    keys,
    several,
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=300)),
    st.booleans(),
)
def test_no_trouble_outside_of_its_range(
    channel: str, key: int, troubles: list[Trouble], apart: timedelta, before: bool
) -> None:
    """Operations created earlier or later do not change."""
    created = START - apart - timedelta(milliseconds=1) if before else END + apart
    life = planned(channel, key, created)

    assert with_troubles(life, troubles, key) == life


@given(channels, channels, keys, st.sampled_from(list(KINDS)))
def test_no_trouble_outside_of_its_channel(channel: str, other: str, key: int, kind: str) -> None:
    """If it names a channel, operations of other channels do not change."""
    life = planned(other, key)

    if channel != other and (channel, kind) in SHOWABLE:
        assert with_troubles(life, [trouble(kind, channel=channel)], key) == life


SHOWABLE = {
    ("messages", "unaddressable_up"),
    ("messages", "delivery_down"),
    ("messages", "no_receipts"),
    ("emails", "delivery_down"),
    ("emails", "no_receipts"),
    ("push_notifications", "unaddressable_up"),
    *((channel, kind) for channel in CHANNELS for kind in ("failed_up", "stalled")),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channel", CHANNELS)
def test_a_trouble_needs_a_channel_that_can_show_it(channel: str, kind: str) -> None:
    """A trouble for all channels leaves out channels without its counter."""
    showable = (channel, kind) in SHOWABLE

    assert bool(troubles_of(CHANNELS[channel], [trouble(kind)])) == showable
    if showable:
        assert trouble(kind, channel=channel).channel == channel
    else:
        with pytest.raises(ValueError, match=f"^channel: {channel} has no counter"):
            trouble(kind, channel=channel)


@given(keys, st.floats(min_value=0, max_value=1), ages)
def test_without_receipts_failures_are_still_reported(key: int, part: float, age: int) -> None:
    """As many and as soon as usual; nothing is delivered or read in an affected operation."""
    life = planned("messages", key)
    silent = with_troubles(life, [trouble("no_receipts", part)], key)
    usual, stats = seen(life, age), seen(silent, age)

    assert silent in (life, replace(life, delivered=0, read=0))
    if silent != life:
        assert (stats["delivered"], stats["read"]) == (0, 0)
        assert all(stats[name] == usual[name] for name in ("sent", "failed", "undelivered"))


@given(keys, st.floats(min_value=0, max_value=1))
def test_delivery_down_takes_a_part_of_what_was_handed_over(key: int, part: float) -> None:
    """Give or take one, and only resources that would have been delivered."""
    life = planned("emails", key)
    down = with_troubles(life, [trouble("delivery_down", part)], key)
    handed = 0 if life.kind == "group" else life.total - life.unaddressable - life.failed
    failing = down.undelivered - life.undelivered

    assert down.delivered == life.delivered - failing
    assert down.read <= life.read
    assert (down.unaddressable, down.failed) == (life.unaddressable, life.failed)
    assert math.floor(handed * part) <= failing <= math.ceil(handed * part) or not down.delivered


@given(channels, keys, st.floats(min_value=0, max_value=1))
def test_failed_up_takes_a_part_of_what_would_be_handed_over(
    channel: str, key: int, part: float
) -> None:
    """Give or take one; the outcomes of the rest keep their shares, but for rounding."""
    life = planned(channel, key)
    up = with_troubles(life, [trouble("failed_up", part)], key)
    before, after = life.addressable - life.failed, up.addressable - up.failed

    assert math.floor(before * part) <= before - after <= math.ceil(before * part)
    if before and life.kind != "group":
        for name in ("undelivered", "delivered", "read"):
            assert abs(getattr(up, name) - getattr(life, name) * after / before) <= 2


@given(channels, keys, st.floats(min_value=0, max_value=0.999))
def test_a_stalled_operation_stays_processing(channel: str, key: int, part: float) -> None:
    """A part of it is processed as usual, and the rest is queued for good."""
    life = planned(channel, key)
    stalled = with_troubles(life, [trouble("stalled", part)], key)
    state = state_at(stalled, stalled.end + 30 * DAY, cumulative=True)

    if life.kind in {"canceled", "group"}:
        assert stalled == life
    else:
        assert state.status == "PROCESSING"
        processed = state.stats["sent"] + state.stats["failed"]
        assert processed + state.stats["queued"] == life.addressable
        assert abs(processed - part * life.addressable) <= 2


@given(keys, st.integers(min_value=1, max_value=40))
def test_unaddressable_recipients_are_multiplied(key: int, factor: int) -> None:
    """At most to the number of all recipients."""
    life = planned("messages", key)
    up = with_troubles(life, [trouble("unaddressable_up", factor)], key)

    assert up.unaddressable == min(life.unaddressable * factor, life.total)


@given(keys, st.floats(min_value=1, max_value=40))
def test_addressable_recipients_keep_their_proportions(key: int, factor: float) -> None:
    """Each outcome keeps its share, give or take a few recipients for rounding."""
    life = planned("messages", key)
    up = with_troubles(life, [trouble("unaddressable_up", factor)], key)
    before, after = life.total - life.unaddressable, up.total - up.unaddressable

    if before and life.kind != "group":
        for name in ("failed", "undelivered", "delivered", "read"):
            expected = getattr(life, name) * after / before
            assert abs(getattr(up, name) - expected) <= 3


def messages(*troubles: Trouble, **changes: Any) -> GeneratedPopulation:
    """A population of messages."""
    settings = {"operations_per_week": 14_000, "troubles": troubles, **changes}
    return GeneratedPopulation(CHANNELS["messages"], SandboxSettings(**settings))


def created_in_range(population: GeneratedPopulation) -> list[Lifecycle]:
    """The operations that a trouble applies to."""
    numbers = range(population.first_from(to_ms(START)), population.first_from(to_ms(END)))
    return [population.life(number) for number in numbers]


def test_a_part_of_the_operations_has_no_receipts() -> None:
    """They are chosen by their keys: a larger part includes the operations of a smaller one."""
    usual, some, most = (
        created_in_range(messages(*troubles))
        for troubles in ((), (trouble("no_receipts", 0.3),), (trouble("no_receipts", 0.8),))
    )
    silent = [
        {place for place, life in enumerate(lives) if usual[place].delivered > life.delivered}
        for lives in (some, most)
    ]

    assert silent[0] < silent[1]
    delivering = sum(life.delivered > 0 for life in usual)
    assert len(silent[0]) / delivering == pytest.approx(0.3, abs=0.05)
    assert len(silent[1]) / delivering == pytest.approx(0.8, abs=0.05)


def test_small_operations_are_affected_in_proportion() -> None:
    """With fewer than ten recipients, a tenth of what was handed over is undelivered."""
    usual, down = (
        created_in_range(messages(*troubles)) for troubles in ((), (trouble("delivery_down"),))
    )
    small = [(one, two) for one, two in zip(usual, down, strict=True) if one.total < 10]
    handed = sum(one.delivered + one.undelivered for one, _ in small)
    failing = sum(two.undelivered - one.undelivered for one, two in small)

    assert failing / handed == pytest.approx(0.1, abs=0.02)


def test_troubles_do_not_change_operations_out_of_range() -> None:
    """Their rows are equal in all channels, while others differ."""
    shown = [
        SandboxModel(SandboxSettings(operations_per_week=2000, troubles=troubles), Clock(NOW))
        for troubles in ((), tuple(trouble(kind) for kind in KINDS))
    ]
    for channel in CHANNELS:
        without, having = (each.truth(channel) for each in shown)
        assert [row["id"] for row in without] == [row["id"] for row in having]
        differing = [
            datetime.fromisoformat(one["createdAt"])
            for one, two in zip(without, having, strict=True)
            if one != two
        ]
        assert len(differing) > 10
        assert all(START <= created < END for created in differing)


def test_a_rendered_sandbox_has_the_same_troubles() -> None:
    """Its rows equal those of a normal one."""
    settings = SandboxSettings(operations_per_week=500, troubles=(trouble("no_receipts"),))
    normal, rendered = (
        SandboxModel(each, Clock(NOW)) for each in (settings, replace(settings, rendered=True))
    )

    assert normal.truth("emails") == rendered.truth("emails")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "no_receipt"),
        ("kind", ""),
        ("start", CREATED.replace(tzinfo=None)),
        ("end", END.replace(tzinfo=None)),
        ("end", START),
        ("end", START - timedelta(days=1)),
        ("channel", "faxes"),
        ("part", -0.1),
        ("part", 1.1),
        ("part", math.nan),
    ],
)
def test_a_wrong_value_is_refused_by_name(field: str, value: Any) -> None:
    """At once, when the trouble is created."""
    good: dict[str, Any] = {"kind": "no_receipts", "start": START, "end": END}

    with pytest.raises(ValueError, match=f"^{field}: "):
        Trouble(**good | {field: value})


@pytest.mark.parametrize("part", [0.9, -2, math.inf, math.nan])
def test_a_factor_is_at_least_1(part: float) -> None:
    """And finite."""
    with pytest.raises(ValueError, match=r"^part: "):
        trouble("unaddressable_up", part)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_own_default_part(kind: str) -> None:
    """A part that is given is used instead."""
    assert trouble(kind).applied_part == KINDS[kind].default_part
    assert trouble(kind, 1).applied_part == 1


ENTRY = {"kind": "no_receipts", "start": "2026-11-18T12:00:00Z", "end": "2026-11-18T18:00"}


def test_troubles_are_parsed_from_plain_data() -> None:
    """Times are text or TOML date-times; without a zone they are in UTC."""
    local = {"kind": "delivery_down", "start": START.replace(tzinfo=None), "end": END, "part": 1}

    assert troubles_from([ENTRY, local]) == (
        Trouble("no_receipts", START, END),
        Trouble("delivery_down", START, END, part=1.0),
    )


WRONG: list[tuple[Any, str]] = [
    (None, "expected a list of troubles"),
    ({}, "expected a list of troubles"),
    (["no_receipts"], "expected a list of troubles"),
    ([ENTRY | {"every": 2}], "a trouble has no every"),
    ([{"kind": "no_receipts"}], "start"),
    ([ENTRY | {"start": "someday"}], "start: 'someday' is not a date and time"),
    ([ENTRY | {"end": 5}], "end: 5 is not a date and time"),
    ([ENTRY | {"end": "2026-11-01"}], "end: expected a time after start"),
    ([ENTRY | {"part": "all"}], "part"),
    ([ENTRY | {"part": 2}], "part: expected 0 to 1 for no_receipts"),
    ([ENTRY | {"channel": "faxes"}], "channel: 'faxes' is not one of"),
    ([ENTRY | {"kind": "no_luck"}], "kind: 'no_luck' is not one of"),
]


@pytest.mark.parametrize(("data", "message"), WRONG)
def test_invalid_troubles_are_refused(data: Any, message: str) -> None:
    """With a message that says what is wrong."""
    with pytest.raises(ValueError, match=message):
        troubles_from(data)


TOML = """
[[troubles]]
kind = "unaddressable_up"
start = 2026-11-18T12:00:00Z
end = 2026-11-18T18:00:00
channel = "messages"
part = 3
"""


def test_the_command_reads_troubles_from_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """They become a setting of the sandbox."""
    served: list[SandboxSettings] = []
    monkeypatch.setattr(
        "comms_source.sandbox.serve", lambda model, **_: served.append(model.settings)
    )
    Path("troubles.toml").write_text(TOML, encoding="utf-8")
    done = CliRunner().invoke(app, ["sandbox", "--troubles", "troubles.toml"])

    assert done.exit_code == 0
    assert served[0].troubles == (trouble("unaddressable_up", 3.0, "messages"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("[[troubles]", "troubles: "),
        ("[[trouble]]\nkind = 'no_receipts'", "troubles: expected a list of troubles"),
        (TOML.replace("_up", "_down"), "troubles: kind: 'unaddressable_down' is not one of"),
        (TOML.replace("part = 3", "part = 0.5"), "troubles: part: expected a factor"),
        (TOML.replace("part", "share"), "troubles: a trouble has no share"),
    ],
)
def test_the_command_refuses_a_wrong_file(text: str | None, message: str) -> None:
    """With exit code 2; the message names option and field."""
    if text is not None:
        Path("troubles.toml").write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["sandbox", "--troubles", "troubles.toml"])

    assert done.exit_code == 2
    assert message in done.stderr
