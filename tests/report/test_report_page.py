"""What the page holds, what it leaves out, and what it never lets through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from comms_source.channels import CHANNELS
from comms_source.report.facts import Facts
from comms_source.report.figures import week_of
from comms_source.report.page.rendering import page as page_of
from comms_source.report.sums import success
from comms_source.report.wording import DASH, count, percent
from tests.report.made_up import (
    DAY,
    HOUR,
    NOW,
    Operation,
    facts_of,
    messages,
)
from tests.report.parsed import Element, cards, parse, section

MOST_BYTES = 3_000_000


@pytest.fixture(scope="module")
def tree(page: str) -> Element:
    """The page of the busy account."""
    return parse(page)


def test_the_cards_show_the_figures(tree: Element, facts: Facts) -> None:
    """Operations, resources and shares, as they are read from the database."""
    shown = cards(tree, "now")
    titles = ("Messages", "Emails", "Push notifications")
    for title, channel in zip(titles, facts.channels, strict=True):
        rows = {row.one("th").text: row.all("td") for row in shown[title].all("tr")[1:]}
        week = week_of(channel, facts.made)
        assert [cell.text for cell in rows["Operations"]] == [
            count(channel.days[0].all.operations),
            count(channel.days[1].all.operations),
            count(week.all.operations),
        ]
        rate = percent(success(week.shown, channel.channel))
        assert shown[title].all(class_="number")[0].text.split(" ")[0] == rate
        row = rows["Accepted" if title.startswith("Push") else "Delivered"]
        assert row[2].text == rate


def test_it_says_when_it_was_made_from_what_and_what_may_still_move(
    tree: Element, warehouse: Path
) -> None:
    """At the top, where nobody can miss it."""
    top = tree.one("header").text

    assert "21 November 2026, 18:00" in top
    assert str(warehouse) in top
    assert "dataset comms" in top
    assert "UTC" in top
    assert re.search(rf"may still move: 1\d{DASH}21 November", top)


def test_young_figures_are_marked(tree: Element) -> None:
    """Today and yesterday; seven days only where most of them is not settled."""
    heads = {
        title: [", may still move" in head.text for head in card.all("th", scope="col")]
        for title, card in cards(tree, "now").items()
    }

    assert heads["Emails"] == [True, True, False]
    assert heads["Messages"] == [True, True, True]


def test_young_days_are_drawn_hollow_and_dashed(tree: Element) -> None:
    """So that no colour is needed to tell them."""
    for card in cards(tree, "delivery").values():
        marks = [each.attributes for each in card.one("svg").walk()]
        assert any(mark.get("stroke-dasharray") for mark in marks)
        assert any(
            mark.get("fill") == "var(--paper)" and mark.get("stroke") == "var(--first)"
            for mark in marks
        )
        assert "November may still move" in str(card.one("svg").attributes["aria-label"])


def test_stages_that_nobody_knows_are_left_out_and_named() -> None:
    """A NULL is not drawn as zero; a zero is drawn."""
    counters: dict[str, int | None] = {
        **dict.fromkeys(CHANNELS["messages"].counters),
        "total": 10,
        "failed": 0,
        "sent": 10,
    }
    silent = Operation(channel="messages", id="x", created_at=NOW - 2 * DAY, counters=counters)
    card = cards(parse(page_of(facts_of(silent))), "funnel")["Messages"]

    drawn = card.one("svg").text
    assert all(name in drawn for name in ("Asked for", "Failed"))
    assert not any(name in drawn for name in ("Reached", "Read", "Undelivered", "Canceled"))
    unknown = "attempted, reached, read, undelivered and canceled"
    assert f"Not known, so not drawn: {unknown}." in card.text
    assert "Not known: attempted, reached" in str(card.one("svg").attributes["aria-label"])


def test_stages_that_only_some_tell_say_so() -> None:
    """Their numbers are lower bounds."""
    told = messages("told", created_at=NOW - 2 * DAY, delivered=7, failed=3)
    quiet = Operation(
        channel="messages",
        id="quiet",
        created_at=NOW - 2 * DAY,
        counters={"total": 10, "read": None},
    )
    card = cards(parse(page_of(facts_of(told, quiet))), "funnel")["Messages"]

    assert "at least 7" in card.one("svg").text
    assert "Told by some of 2 operations: " in card.text


def test_pushes_are_accepted_and_never_delivered(tree: Element) -> None:
    """Nobody reports whether a push arrived."""
    for name in ("now", "funnel", "delivery"):
        text = cards(tree, name)["Push notifications"].text
        assert "ccepted" in text
        assert "elivered" not in text


def test_gaps_and_what_is_wrong_are_shown(tree: Element) -> None:
    """In the list at the top, in the strip, and by their times."""
    wrong, record = section(tree, "wrong").text, section(tree, "record")

    assert "1 gap in the last 30 days" in wrong
    assert "could not be read" in wrong
    assert "the last run was not complete" in wrong
    assert "1 operation of the last 7 days lost at least half of its messages, 3,900" in wrong
    lost = record.all("td", class_="gap")
    assert ["lost in part or whole" in cell.text for cell in lost] == [True, True]
    assert "12 Nov, 18:00 to 13 Nov, 01:00" in record.text


def test_stuck_operations_are_counted_and_the_latest_listed(tree: Element, facts: Facts) -> None:
    """At most twenty by their ids, and how many there are in all."""
    stuck = section(tree, "stuck")
    total = sum(sum(channel.stuck.values()) for channel in facts.channels)

    assert total > 27
    assert f"{total} in all" in stuck.text
    ids = [code.text for code in stuck.all("code")]
    assert len(ids) == 20
    assert "stuck_00" in ids


def test_ids_can_be_selected_with_one_click(tree: Element, page: str) -> None:
    """Each stands alone in its element, and the style sheet makes that one thing."""
    ids = [code.text for code in section(tree, "worst").all("code")]

    assert "failing" in ids
    assert 3 < len(ids) <= 30
    assert re.search(r"code \{[^}]*[^-]user-select: all;", page)


def test_an_empty_database_gives_a_page_that_says_so() -> None:
    """Small, with a card for each channel and no chart."""
    page = page_of(facts_of())
    tree = parse(page)

    assert "No operation is stored yet." in tree.one("header").text
    assert len(cards(tree, "now")) == len(CHANNELS)
    assert not tree.all("svg")
    assert len(page) < 30_000


def test_one_operation_gives_a_page_of_it() -> None:
    """Of today, so that the seven days before are empty."""
    tree = parse(page_of(facts_of(messages("only", created_at=NOW - HOUR, delivered=1))))

    assert "1 operation is stored" in tree.one("header").text
    (row,) = [each for each in section(tree, "now").all("tr") if "Delivered" in each.text]
    assert [cell.text for cell in row.all("td")] == ["100.0%", DASH, DASH]
    assert len(tree.all("svg")) == 1


def test_many_accounts_do_not_make_the_page_grow() -> None:
    """The largest are shown, and how many are left out."""
    rows = [
        messages(
            f"op{number}", created_at=NOW - 9 * DAY + HOUR, delivered=number, account=f"a{number}"
        )
        for number in range(300)
    ] + [
        messages(f"late{number}", created_at=NOW - 3 * DAY, delivered=number, account=f"a{number}")
        for number in range(300)
    ]
    page = page_of(facts_of(*rows))
    accounts = section(parse(page), "accounts")

    assert len(page.encode()) < MOST_BYTES / 10
    assert len(accounts.all("th", scope="row")) == 20
    assert "280 more with less traffic" in accounts.text


def test_the_page_of_a_busy_account_is_small(page: str) -> None:
    """Far below the three million bytes that it may have."""
    assert len(page.encode()) < MOST_BYTES / 10
