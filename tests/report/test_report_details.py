"""Why sends failed, and how those of each tag did, in all three forms of the report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from comms_source.cli.app import app
from comms_source.report.data.facts import ChannelDetails, Facts
from comms_source.report.html.rendering import page as page_of
from tests.report.parsed import Element, cards, parse
from tests.report.sample_data import (
    DAY,
    FILE,
    HOUR,
    NOW,
    Operation,
    Warehouse,
    facts_in,
    messages,
    write,
)

pytestmark = pytest.mark.slow

Row = dict[str, Any]
WIDTHS: Final = (40, 60, 80, 120)
CREATED: Final = NOW - 3 * DAY


def send(name: str, **more: Any) -> Operation:
    """An operation of three days ago."""
    return messages(name, created_at=CREATED, **more)


def of(operation: str, **more: Any) -> Row:
    """What the rows of details of an operation share."""
    row = {
        "account": "acme",
        "channel": "messages",
        "operation_id": operation,
        "created_at": CREATED,
        "synced_at": NOW,
        "outcome": "read",
        "read_at": NOW,
    }
    return row | more


def failed(operation: str, code: int | None, number: int, **more: Any) -> list[Row]:
    """The last attempts of so many messages, which failed with a code."""
    return [
        {
            "account": "acme",
            "message_id": f"{operation} {code} {each}",
            "operation_id": operation,
            "attempt": 1,
            "status": "UNDELIVERED",
            "error_code": code,
            "attempted_at": CREATED + HOUR,
            "synced_at": NOW,
        }
        | more
        for each in range(number)
    ]


SENDS: Final = (
    send("spring", delivered=60, undelivered=40),
    send("autumn", delivered=100),
    send("split", delivered=2, undelivered=2),
    send("plain", delivered=5),
    send("unknown", delivered=9),
)
HALVES: Final = {"a": ("DELIVERED", "DELIVERED"), "b": ("UNDELIVERED", "UNDELIVERED")}
RECORDS: Final[Mapping[str, Sequence[Row]]] = {
    "operation_tags": [
        of("spring", tag="season", value="spring"),
        of("autumn", tag="season", value="autumn"),
        *(of("split", tag="variant", value=variant, resources=2) for variant in HALVES),
    ],
    "messages": [
        {
            **of("split"),
            "id": f"split {variant} {number}",
            "status": status,
            "tags": f'{{"variant":"{variant}"}}',
        }
        for variant, statuses in HALVES.items()
        for number, status in enumerate(statuses)
    ],
    "message_attempts": [
        *failed("spring", 30003, 15),
        *failed("spring", 99999, 4, error_message="A new failure."),
        *failed("split", 30003, 1),
    ],
    "operation_details": [
        *(of(name, kind="tags") for name in ("spring", "autumn", "plain")),
        of("split", kind="resources", resources=4),
        of("spring", kind="errors", not_asked=21),
        of("split", kind="errors", not_asked=1),
    ],
}


def detailed(**records: Sequence[Row]) -> Facts:
    """The facts of a report on these sends; `records` replace the rows of a table."""
    write(Warehouse(operations=SENDS, records={**RECORDS, **records}, details=True))
    return facts_in(FILE)


def details_of(facts: Facts) -> ChannelDetails:
    """The details of messages."""
    (details,) = (each.details for each in facts.channels if each.channel == "messages")
    assert details
    return details


def shown(
    monkeypatch: pytest.MonkeyPatch, *arguments: str, width: int = 80, path: str = FILE
) -> str:
    """What the command prints."""
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", path)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("comms_source.timespans.utc_now", lambda: NOW)
    return CliRunner().invoke(app, ["report", *arguments], catch_exceptions=False).stdout


def test_the_terminal_says_why_and_how_much_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four fifths of those asked about; as many again were not asked about."""
    detailed()
    text = shown(monkeypatch)
    start = text.index("why messages failed")
    assert text[start : text.index("\n\n", start)].splitlines() == [
        "why messages failed, in the last 30 days",
        "  80.0%  30003: The recipient's phone is switched off or out of reach",
        "    16 failed; 2 operations and 16 recipients",
        "  20.0%  99999: A new failure.",
        "    4 failed; 1 operation and 4 recipients",
        "  shares are of 20 whose error was asked for",
        "  not asked for: the errors of 22 more",
    ]


def test_the_terminal_compares_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by its operations; variants of one send by their messages; and what is not known."""
    detailed()
    text = shown(monkeypatch)
    start = text.index("messages by tag")
    lines = text[start : text.index("\n\n", start)].splitlines()
    assert [line.split("  ")[0] or line.split()[:5] for line in lines] == [
        "messages by tag",
        ["season", "=", "autumn", "100", "100.0%"],
        ["season", "=", "spring", "100", "60.0%"],
        ["without", "tags", "5", "100.0%", "0.0%"],
        ["variant", "=", "a", "2", "100.0%"],
        ["variant", "=", "b", "2", "0.0%"],
        "messages: the tags of 1 operation are not known",
    ]


@pytest.mark.parametrize("width", WIDTHS)
def test_details_are_never_wider_than_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with the longest tags and messages; each share is there at every width."""
    long = of("spring", tag="t" * 128, value="v" * 256)
    words = failed("spring", 99999, 4, error_message="so many words " * 40)
    detailed(operation_tags=[long], message_attempts=words)
    lines = shown(monkeypatch, width=width).splitlines()
    assert [line for line in lines if len(line) > width and " " in line.strip()] == []
    text = " ".join(" ".join(lines).split())
    assert "100.0% 99999: so many words" in text
    assert "60.0%" in text[text.index("messages by tag") :]


def test_the_page_says_why_and_compares_tags() -> None:
    """With the same figures as the terminal, and a word for a figure of resources."""
    tree = parse(page_of(detailed()))
    first, second = (row.text for row in cards(tree, "why")["Messages"].all("tr")[1:])
    assert first.startswith(
        "The recipient's phone is switched off or out of reach code 30003 80.0%"
    )
    assert first.endswith("16 16 recipients 2 operations")
    assert second == "A new failure. code 99999 20.0% 4 4 recipients 1 operation"
    assert "22 more failed and were not asked about" in cards(tree, "why")["Messages"].text
    tags = [row.text for row in cards(tree, "tags")["Messages"].all("tr")[1:]]
    assert tags == [
        "season = autumn 100 100.0%",
        "season = spring 100 60.0%",
        "without tags 5 100.0%",
        "variant = a 1 in part, of resources 2 100.0%",
        "variant = b 1 in part, of resources 2 0.0%",
    ]
    assert "The tags of 1 operation are not known." in cards(tree, "tags")["Messages"].text
    assert [link.text for link in tree.one("nav").all("a")][4:6] == ["Why", "Tags"]


def test_hostile_tags_and_messages_are_escaped() -> None:
    """They are shown as they are, and create no element."""
    hostile = """<script>alert(1)</script>"'&"""
    facts = detailed(
        operation_tags=[of("spring", tag=hostile, value=hostile)],
        message_attempts=failed("spring", 1, 1, error_message=hostile),
    )
    tree = parse(page_of(facts))
    assert tree.all("script") == []
    for name in ("why", "tags"):
        assert hostile in cards(tree, name)["Messages"].text


def test_json_has_all_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not rounded, and the rates of tags as elsewhere."""
    detailed()
    channel = json.loads(shown(monkeypatch, "--json"))["channels"]["messages"]
    why, tags = channel["why_failed"], channel["by_tag"]
    assert (why["asked"], why["not_asked"]) == (20, 22)
    assert [(each["code"], each["resources"]) for each in why["codes"]] == [(30003, 16), (99999, 4)]
    assert why["codes"][0]["share"] == {"low": 0.8, "high": 0.8}
    rates = {(each["tag"], each["value"]): each["delivery_rate"] for each in tags["tags"]}
    assert rates["season", "spring"] == {"low": 0.6, "high": 0.6}
    assert rates["variant", "a"] is None
    assert tags["operations_without_details"] == 1


def test_a_sample_of_several_accounts_is_added_once() -> None:
    """Each account's number is on each of its codes, and counts once."""
    mine = {"account": "globex"}
    details = [
        *RECORDS["operation_details"],
        of("other", kind="errors", not_asked=100, **mine),
    ]
    rows = [*RECORDS["message_attempts"], *failed("other", 30003, 20, **mine)]
    found = details_of(detailed(operation_details=details, message_attempts=rows))
    assert (found.asked, found.not_asked) == (40, 122)
    assert [(each.error_code, each.resources) for each in found.causes] == [(30003, 36), (99999, 4)]


def test_without_details_the_report_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """In all three forms: details add parts, and change none."""
    detailed()
    forms = ("", "--json")
    with_them = {form: shown(monkeypatch, *filter(None, [form])) for form in forms}
    write(Warehouse(operations=SENDS))
    without = {form: shown(monkeypatch, *filter(None, [form])) for form in forms}
    before, after = (list(filter(None, text[""].splitlines())) for text in (without, with_them))
    assert [line for line in after if line in set(before)] == before
    assert not {"why", "by tag"} & set(without[""].split())
    content, more = json.loads(without["--json"]), json.loads(with_them["--json"])
    for name in ("why_failed", "by_tag"):
        assert name not in content["channels"]["messages"]
        del more["channels"]["messages"][name]
    assert more == content
    assert _sections(page_of(facts_in(FILE))) == [
        name for name in _sections(page_of(detailed())) if name not in {"why", "tags"}
    ]


def _sections(page: str) -> list[str | None]:
    return [each.attributes["id"] for each in parse(page).all("section")]


def test_details_that_say_nothing_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first failure and the first tag there is no empty table."""
    nothing = dict.fromkeys(("operation_tags", "message_attempts", "messages"), ())
    kinds = [of("plain", kind="tags"), of("plain", kind="errors")]
    tree: Element = parse(page_of(detailed(**nothing, operation_details=kinds)))
    assert [each.attributes["id"] for each in tree.all("section")][:5] == [
        *("wrong", "now", "delivery", "funnel", "worst")
    ]
    assert not tree.all("section", id="why")
    assert not tree.all("section", id="tags")
    text = shown(monkeypatch)
    assert "why messages failed" not in text
    assert "by tag" not in text
