"""The content of the HTML page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from comms_source.channels import CHANNELS
from comms_source.report.data.facts import Facts
from comms_source.report.findings.periods import day_of, week_of
from comms_source.report.html.record import record_of
from comms_source.report.html.rendering import page as page_of
from comms_source.report.wording import DASH, TITLES, count, percent
from comms_source.views.settings import ViewSettings
from tests.report.parsed import Element, cards, parse, section
from tests.report.sample_data import (
    DAY,
    HOUR,
    NOW,
    Operation,
    Warehouse,
    coverage,
    facts_in,
    facts_of,
    messages,
    write,
)

MAX_BYTES = 3_000_000


@pytest.fixture(scope="module")
def tree(page: str) -> Element:
    """The page of the busy account."""
    return parse(page)


def test_the_cards_show_the_figures(tree: Element, facts: Facts) -> None:
    """The volume and its outcomes, as in the database."""
    shown = cards(tree, "now")
    for title, channel in zip(TITLES.values(), facts.channels, strict=True):
        rows = {row.one("th").text: row.all("td") for row in shown[title].all("tr")[1:]}
        week = week_of(channel, facts.context).sums
        days = [day_of(channel, facts.context, ago).sums for ago in (0, 1)]
        columns = [*days, week]
        assert [cell.text for cell in rows["Requested"]] == [
            count(each.requested) for each in columns
        ]
        success = rows["Delivered" if week.has_receipts else "Accepted"]
        assert [cell.text for cell in success] == [percent(each.success) for each in columns]
        first = shown[title].all(class_="number")[0].text
        assert first.split(" ")[0] == percent(week.success)


def headline(card: Element) -> dict[str, str]:
    """The large figures of a card, by their names."""
    names, values = card.all("dt"), card.all(class_="number")
    return {name.text: value.text for name, value in zip(names, values, strict=True)}


@pytest.mark.slow
def test_half_unconfirmed_is_half_without_an_outcome() -> None:
    """Missing receipts are visible on the card, even if all known outcomes are good."""
    known = {"total": 100, "recipients": 100, "delivered": 51, "sent": 49}
    sends = [
        messages(str(ago), created_at=NOW - ago * DAY, delivered=51, sent=49, seen=[(0.1, known)])
        for ago in range(3, 9)
    ]
    card = cards(parse(page_of(facts_of(*sends))), "now")["Messages"]
    large = headline(card)
    rows = {row.one("th").text: row.all("td")[-1].text for row in card.all("tr")[1:]}

    assert large["Delivered"].startswith("51.0%")
    assert large["No outcome"] == "49.0%"
    assert (rows["in flight"], rows["unconfirmed"]) == ("0", count(5 * 49))
    assert rows["of known outcomes"] == "100.0%"
    assert "100" not in " ".join(large.values())


def test_a_rate_of_known_outcomes_never_stands_alone(tree: Element) -> None:
    """It is below the rate of what was attempted, and not one of the large figures."""
    for name in ("Messages", "Emails"):
        card = cards(tree, "now")[name]
        rows = [row.one("th").text for row in card.all("tr")[1:]]
        assert rows[1:3] == ["Delivered", "of known outcomes"]
        assert list(headline(card))[:2] == ["Delivered", "No outcome"]


def test_the_page_shows_its_time_and_source(tree: Element, warehouse: Path) -> None:
    """At the top, together with the days that may still change."""
    top = tree.one("header").text

    assert "21 November 2026, 18:00" in top
    assert str(warehouse) in top
    assert "dataset comms" in top
    assert "UTC" in top
    assert f"May still change: 18{DASH}21 November" in top
    assert "other settings" not in top


@pytest.mark.slow
def test_other_settings_are_named() -> None:
    """If the settings have changed since the views were created."""
    write(Warehouse(operations=[messages("m", created_at=NOW - HOUR, delivered=1)]))
    top = parse(page_of(facts_in(settings=ViewSettings(alert_volume=7)))).one("header").text

    assert "The views were created with other settings (alert_volume); run comms views" in top


def test_marks_are_also_in_words(tree: Element) -> None:
    """Periods that may still change, and periods that are partly covered."""
    heads = [head.text for head in cards(tree, "now")["Emails"].all("th", scope="col")]

    assert [", may still change" in head for head in heads] == [True, True, True]
    assert [", partly covered" in head for head in heads] == [True, False, False]


def test_moving_days_are_drawn_hollow_and_dashed(tree: Element) -> None:
    """So that they are visible without colour."""
    for card in cards(tree, "delivery").values():
        marks = [each.attributes for each in card.one("svg").descendants()]
        assert any(mark.get("stroke-dasharray") for mark in marks)
        assert any(
            mark.get("fill") == "var(--paper)" and mark.get("stroke") == "var(--first)"
            for mark in marks
        )
        assert "may still change: 1" in str(card.one("svg").attributes["aria-label"])


def stripes(card: Element) -> int:
    """The number of stripes across the bars of a chart."""
    return len(card.one("svg").all("line", stroke="var(--paper)"))


@pytest.mark.slow
def test_partly_covered_days_are_marked() -> None:
    """They have stripes and a sign; a day that was read has neither, an unread day has no bar."""
    sends = [messages(str(ago), created_at=NOW - ago * DAY, delivered=99) for ago in (2, 3)]
    start = NOW.replace(hour=0)
    whole = coverage(first=start - 3 * DAY, last=NOW)
    half = [window for window in whole if window["window_start"].hour >= 12]
    charts = []
    for windows in (whole, half):
        write(Warehouse(operations=sends, records={"coverage": windows}))
        charts.append(
            cards(parse(page_of(facts_in(channels=["messages"]))), "delivery")["Messages"]
        )
    read, partly = charts

    assert (stripes(read), "~" in read.one("svg").text) == (0, False)
    assert stripes(partly) > 10
    assert "~" in partly.one("svg").text
    assert "partly covered: 18" in str(partly.one("svg").attributes["aria-label"])
    assert "not read: " in str(read.one("svg").attributes["aria-label"])
    assert "not read" in read.one("svg").text


@pytest.mark.slow
def test_days_that_froze_early_are_marked() -> None:
    """With a sign in the chart, in its text, and in the table of the data section."""
    early = NOW - 12 * DAY
    frozen = messages("f", created_at=early, delivered=99, synced_at=early + DAY)
    read = coverage(first=early.replace(hour=0), last=early.replace(hour=0) + DAY, again=HOUR)
    write(Warehouse(operations=[frozen], records={"coverage": read}))
    tree = parse(page_of(facts_in(channels=["messages"])))
    chart = cards(tree, "delivery")["Messages"].one("svg")

    assert "!" in [text.text for text in chart.all("text")]
    assert "frozen early: 9 November" in str(chart.attributes["aria-label"])
    assert "Frozen days of 30 9 November" in cards(tree, "record")["Messages"].text


@pytest.mark.slow
def test_almost_all_is_never_all() -> None:
    """One message of a hundred thousand failed, and a few minutes of the week were not read."""
    most = messages("m", created_at=NOW - 3 * DAY, delivered=99_999, failed=1)
    read = coverage(first=NOW - 7.8 * DAY, last=NOW - HOUR)
    del read[30]
    write(Warehouse(operations=[most], records={"coverage": read}))
    tree = parse(page_of(facts_in(channels=["messages"])))
    rows = {
        row.one("th").text: row.all("td")[-1].text for row in section(tree, "now").all("tr")[1:]
    }

    assert headline(cards(tree, "now")["Messages"])["Delivered"].startswith(">99.9%")
    assert (rows["Delivered"], rows["Not delivered"]) == (">99.9%", "<0.1%")
    assert "100.0%" not in section(tree, "now").text
    funnel = cards(tree, "funnel")["Messages"].one("svg").text
    assert funnel.count("100.0%") == 1


def axis_of(card: Element) -> list[str]:
    """The labels on the axes of a chart: the shares and the days."""
    words = [text.text for text in card.one("svg").all("text")]
    return [word for word in words if re.fullmatch(r"\d+(%| Nov| Oct)", word)]


@pytest.mark.slow
def test_channels_have_the_same_axes() -> None:
    """Shares from 0 to 100%, the same days and the same scale of bars, so they can be compared."""
    rows = [
        messages("m", created_at=NOW - 2 * DAY, delivered=90, failed=10),
        Operation(
            channel="emails",
            id="e",
            created_at=NOW - 9 * DAY,
            counters={"total": 60, "recipients": 60, "delivered": 20, "failed": 40},
        ),
    ]
    charts = cards(parse(page_of(facts_of(*rows))), "delivery")
    axes = [axis_of(charts[name]) for name in ("Messages", "Emails")]

    for axis in axes:
        assert {"0%", "25%", "50%", "75%", "100%"} <= set(axis)
    days = [[word for word in axis if not word.endswith("%")] for axis in axes]
    assert days[0] == days[1] == ["24 Oct", "31 Oct", "7 Nov", "14 Nov", "21 Nov"]
    assert all("requested a day, up to 100" in chart.text for chart in charts.values())


@pytest.mark.slow
def test_a_small_channel_has_its_own_scale() -> None:
    """Its bars would be too small on the scale of the others, and the chart says so."""
    rows = [
        messages("m", created_at=NOW - 2 * DAY, delivered=9000),
        Operation(
            channel="emails",
            id="e",
            created_at=NOW - 2 * DAY,
            counters={"total": 6, "recipients": 6, "delivered": 6},
        ),
    ]
    charts = cards(parse(page_of(facts_of(*rows))), "delivery")

    assert "own scale, up to 6" in charts["Emails"].text
    assert "own scale" not in charts["Messages"].text


@pytest.mark.slow
def test_uncounted_operations_are_not_shown_as_zero() -> None:
    """An operation without all its counters is in no sum, and the data section shows it."""
    counters = {**dict.fromkeys(CHANNELS["messages"].counters), "total": 10, "failed": 0}
    silent = Operation(channel="messages", id="x", created_at=NOW - 2 * DAY, counters=counters)
    read = coverage(first=NOW - 8 * DAY, last=NOW)
    write(Warehouse(operations=[silent], records={"coverage": read}))
    tree = parse(page_of(facts_in(channels=["messages"])))
    rows = {
        row.one("th").text: row.all("td")[-1].text for row in section(tree, "now").all("tr")[1:]
    }

    assert {rows[name] for name in ("Requested", "Delivered", "No outcome")} == {"not known"}
    funnel = cards(tree, "funnel")["Messages"]
    assert not funnel.all("svg")
    assert "Not known: requested." in funnel.text
    assert "In 30 days: a counter is missing 1 operation" in cards(tree, "record")["Messages"].text


def test_pushes_are_accepted_and_never_delivered(tree: Element) -> None:
    """Whether a push arrives is not reported."""
    for name in ("now", "funnel", "delivery"):
        text = cards(tree, name)["Push notifications"].text.lower()
        assert "accepted" in text
        assert "delivered" not in text.replace("not delivered", "").replace("known: delivered", "")


def test_problems_have_a_start_and_a_remedy(tree: Element) -> None:
    """In the list at the top; gaps are also in the coverage strip, with their times."""
    wrong, record = section(tree, "wrong"), section(tree, "record")
    concerns = {each.text for each in wrong.all("li")}

    assert any(
        re.fullmatch(
            r"act Messages: 7 h of sends were never read, 12 Nov, 18:00 to 13 Nov, 01:00, "
            r"since 21 Nov, 18:00. → figures of those days are too low; run comms load .*",
            each,
        )
        for each in concerns
    )
    assert any("could not be stored" in each for each in concerns)
    assert any("the last run was not complete" in each for each in concerns)
    lost = record.all("td", class_="gap")
    assert ["lost in part or whole" in cell.text for cell in lost] == [True, True]
    assert "12 Nov, 18:00 to 13 Nov, 01:00" in record.text


@pytest.mark.slow
def test_no_problems_claims_no_more_than_was_checked() -> None:
    """A single day of sends cannot be compared with other days."""
    only = messages("m", created_at=NOW - HOUR, delivered=9)
    read = coverage(first=NOW - DAY, last=NOW)
    write(Warehouse(operations=[only], records={"coverage": read}))
    wrong = section(parse(page_of(facts_in(channels=["messages"]))), "wrong").text

    assert wrong.startswith("No problems were found Checked: the rates of")
    assert "at least 200 resources" in wrong
    assert "Rates of messages could not be compared" in wrong


def test_the_data_section_shows_the_deadlines(tree: Element, facts: Facts) -> None:
    """And the operations read by id, and contradictory counters in words."""
    card = cards(tree, "record")["Messages"]
    rows = {
        row.one("th").text: row.one("td").text
        for row in card.one("table", class_="record").all("tr")
    }

    assert rows["Last synced"] == "21 Nov, 18:00"
    assert rows["Read again before"]
    assert rows["Figures freeze after"]
    assert rows["Gaps"] == "1, 7 h in total"
    assert rows["Read by id"] == "none"
    odd = replace(facts.channels[0], problems={"fits_no_mode": 3})
    values = record_of(odd, facts.context)
    assert values["In 30 days: counters contradict each other"] == "3 operations"


@pytest.mark.slow
def test_times_limited_by_reading_are_marked() -> None:
    """If an operation was first seen completed much later, only the upper end is shown."""
    slow = [
        messages(f"s{number}", created_at=NOW - 2 * DAY, delivered=5, settled=True)
        for number in range(9)
    ]
    card = cards(parse(page_of(facts_of(*slow))), "final")["Messages"]

    assert "at most 2 h" in card.text
    assert ", limited by how often data is read" in card.text
    assert "up to" not in card.text


def test_stuck_operations_are_counted_and_the_latest_listed(tree: Element, facts: Facts) -> None:
    """At most twenty with their ids, and the total number."""
    stuck = section(tree, "stuck")
    total = sum(sum(channel.stuck.values()) for channel in facts.channels)

    assert total > 27
    assert f"{total} in total" in stuck.text
    ids = [code.text for code in stuck.all("code")]
    assert len(ids) == 20
    assert "stuck_00" in ids


def test_worst_operations_are_ranked_twice(tree: Element, page: str) -> None:
    """By count and by rate, at most five each; an id can be selected with one click."""
    card = cards(tree, "worst")["Messages"]
    by_count, by_rate = card.all("table")

    assert "of at least 200 resources" in by_rate.one("caption").text
    assert by_count.all("code")[0].text == by_rate.all("code")[0].text == "failing"
    assert [len(table.all("code")) for table in (by_count, by_rate)] == [5, 5]
    assert by_rate.all("tr")[1].all("td")[-1].text == "97.5%"
    assert re.search(r"code \{[^}]*[^-]user-select: all;", page)


def test_an_empty_database_gives_a_page_that_says_so() -> None:
    """The page is small, with a card for each channel and no chart."""
    page = page_of(facts_of())
    tree = parse(page)

    assert "No operation is stored yet." in tree.one("header").text
    assert len(cards(tree, "now")) == len(CHANNELS)
    assert not tree.all("svg")
    assert len(page) < 30_000


@pytest.mark.slow
def test_a_page_of_one_operation() -> None:
    """It is from today, so there are no figures for the seven days before, which were not read."""
    tree = parse(page_of(facts_of(messages("only", created_at=NOW - HOUR, delivered=1))))

    assert "1 operation is stored" in tree.one("header").text
    rows = {row.one("th").text: row.all("td") for row in section(tree, "now").all("tr")[1:]}
    assert [cell.text for cell in rows["Delivered"]] == ["100.0%", DASH, DASH]
    assert [cell.text for cell in rows["Requested"]] == ["1", DASH, DASH]
    assert [cell.text for cell in rows["Covered"]] == ["0% read"] * 3


@pytest.mark.slow
def test_accounts_are_of_the_same_seven_days() -> None:
    """The volumes of the accounts add up to the volume on the card."""
    rows = [
        messages(f"{account}{ago}", created_at=NOW - ago * DAY, delivered=size, account=account)
        for account, size in (("large", 300), ("small", 20))
        for ago in (0, 3, 7, 8)
    ]
    tree = parse(page_of(facts_of(*rows)))
    accounts = [
        [row.one("th").text, *(cell.text for cell in row.all("td"))]
        for row in cards(tree, "accounts")["Messages"].all("tr")[1:]
    ]

    assert accounts == [
        ["large", "600", "100.0%", "0.0%", ""],
        ["small", "40", "100.0%", "0.0%", ""],
    ]
    now = {row.one("th").text: row.all("td") for row in section(tree, "now").all("tr")[1:]}
    assert now["Requested"][-1].text == "640"


@pytest.mark.slow
def test_many_accounts_do_not_make_the_page_grow() -> None:
    """The largest accounts are shown, and the number of the others."""
    rows = [
        messages(f"op{number}", created_at=NOW - 3 * DAY, delivered=number, account=f"a{number}")
        for number in range(300)
    ]
    page = page_of(facts_of(*rows))
    accounts = section(parse(page), "accounts")

    assert len(page.encode()) < MAX_BYTES / 10
    assert len(accounts.all("th", scope="row")) == 20
    assert "280 more with less traffic" in accounts.text


def test_the_page_of_a_busy_account_is_small(page: str) -> None:
    """Far below the limit of three million bytes."""
    assert len(page.encode()) < MAX_BYTES / 10
