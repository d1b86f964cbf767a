"""From rows to tables: everything that a response may contain."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from dlt.common.normalizers.naming.snake_case import NamingConvention
from dlt.common.schema.typing import C_DLT_ID, C_DLT_LOAD_ID
from hypothesis import given
from hypothesis import strategies as st

from comms_source.channels import CHANNELS, Channel
from comms_source.sandbox import documented_payloads
from comms_source.tables.history import VALID_FROM, VALID_TO, history_rows, history_table
from comms_source.tables.operations import (
    PageTables,
    Stamp,
    joined,
    operations_table,
    read_page,
    within,
)
from comms_source.tables.page import decode_page, plain_page
from comms_source.tables.row_reader import counter_column, sift
from comms_source.tables.specs import with_load_id
from comms_source.timespans import Span

MESSAGES = CHANNELS["messages"]
SYNCED = datetime(2026, 11, 20, 12, tzinfo=UTC)
STAMP = Stamp(account="acme", synced_at=SYNCED)
GOOD: dict[str, Any] = {
    "id": "comms_operation_01h2xcejqtf2nbrexx3vqjhp41",
    "status": "COMPLETED",
    "stats": dict.fromkeys(MESSAGES.counters, 1),
    "createdAt": "2026-11-19T06:20:00Z",
    "updatedAt": "2026-11-19T06:21:00Z",
}


def read(*rows: Any, channel: str = "messages") -> PageTables:
    """The tables of a page that holds `rows`."""
    body = msgspec.json.encode({"operations": rows, "pagination": {"next": None}})
    page = decode_page(body, channel=CHANNELS[channel])
    return read_page(page, channel=CHANNELS[channel], stamp=STAMP)


def only(tables: PageTables) -> dict[str, Any]:
    """The one row that was read."""
    (row,) = tables.operations.to_pylist()
    return row


def reasons(tables: PageTables) -> list[str | None]:
    """Why rows were rejected."""
    return tables.rejected["reason"].to_pylist()


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_schema_does_not_depend_on_the_page(channel: str) -> None:
    """One fixed schema per channel, in the documented order, also for an empty page."""
    schema = read(channel=channel).operations.schema

    assert schema == operations_table(CHANNELS[channel]).columns
    assert schema.names == [
        *("id", "account", "status", "created_at", "updated_at"),
        *CHANNELS[channel].counters,
        *("synced_at", "extra"),
    ]


def test_a_documented_row_is_read_exactly() -> None:
    """Every field is in its column, typed, with the load's label and times."""
    assert only(read(GOOD)) == {
        "id": GOOD["id"],
        "account": "acme",
        "status": "COMPLETED",
        "created_at": datetime(2026, 11, 19, 6, 20, tzinfo=UTC),
        "updated_at": datetime(2026, 11, 19, 6, 21, tzinfo=UTC),
        **dict.fromkeys(MESSAGES.counters, 1),
        "synced_at": SYNCED,
        "extra": None,
    }


EXPECTED_SAMPLES = {
    "message_single": "1 1 1 0 0 0 0 1 0 0 0 0",
    "message_two": "2 2 4 0 0 0 0 2 0 0 0 0",
    "message_group": "1 3 1 0 0 0 0 0 0 0 0 0",
    "message_unaddressable": "1 1 0 1 0 0 0 0 0 0 0 0",
    "message_list": "10 10 12 0 2 5 3 3 1 1 0 0",
    "email_list": "5 5 5 0 0 5 5 3 0 0 0",
    "email_list 2": "3 3 0 3 0 0 0 0 0 0 0",
    "email_guide": "2 - - 0 0 0 2 0 0 0 0",
    "push_list": "150 145 3 20 50 70 5 2",
    "push_list 2": "300 300 0 0 0 295 5 0",
    "push_guide": "1 1 - - 0 0 0 -",
}
"""The counters of each documented operation, in the order of the channel's columns."""


@pytest.mark.parametrize("name", EXPECTED_SAMPLES)
def test_documented_payloads_are_read_exactly(name: str) -> None:
    """Each example of the documentation, even if contradictory; a missing counter is NULL."""
    payload_name, _, number = name.partition(" ")
    payload = documented_payloads()[payload_name]
    row = payload.get("operations", [payload])[int(number or 1) - 1]
    channel = {"message": "messages", "email": "emails", "push": "push_notifications"}[
        name.split("_", maxsplit=1)[0]
    ]

    tables = read(row, channel=channel)

    counters = [None if n == "-" else int(n) for n in EXPECTED_SAMPLES[name].split()]
    expected = {
        "id": row["id"],
        "account": "acme",
        "status": row["status"],
        "created_at": datetime.fromisoformat(row["createdAt"]),
        "updated_at": datetime.fromisoformat(row["updatedAt"]),
        **dict(zip(CHANNELS[channel].counters, counters, strict=True)),
        "synced_at": SYNCED,
        "extra": None,
    }
    if name == "push_guide":
        expected |= {"attempts": 1, "delivered": 1, "undelivered": 0}
        assert tables.new_counters == {"attempts", "delivered", "undelivered"}
    assert only(tables) == expected
    assert not tables.rejected.num_rows


def test_a_missing_counter_is_null_not_zero() -> None:
    """So is a null one; `stats` may be null or absent too."""
    for stats in ({"total": None}, {}, None):
        row = only(read(GOOD | {"stats": stats}))
        assert [row[name] for name in MESSAGES.counters] == [None] * len(MESSAGES.counters)
    without = {name: value for name, value in GOOD.items() if name != "stats"}
    assert only(read(without))["total"] is None


def test_a_new_counter_is_a_new_column() -> None:
    """It is reported, its column name is in snake case, and rows without it have NULL."""
    tables = read(GOOD | {"stats": {"total": 1, "linkClicks": 7}}, GOOD)

    assert tables.new_counters == {"link_clicks"}
    assert tables.operations["link_clicks"].to_pylist() == [7, None]


UNFIT = (
    *("id", "createdAt", "Total", "odd name", "9lives", "_x", "x" * 70, "", " ", "\u00fcber"),
    *("validFrom", "ValidTo", "valid_from", "VALID_TO", "rowVersion", "row_version"),
    *("Valid_From", "valid from", "valid-from", "valid__from", "validFrom_", "valid_from\n"),
    *("_dlt_id", "_dltId", "_dlt_load_id", "__dlt_id", "a" * 61, "a__b", "a_", "a+b", "a.b"),
)


@pytest.mark.parametrize("name", UNFIT)
def test_a_counter_that_cannot_have_a_column_is_kept_in_extra(name: str) -> None:
    """Nothing is lost if its name is taken, or is not a valid column name."""
    tables = read(GOOD | {"stats": GOOD["stats"] | {name: 3}})

    assert msgspec.json.decode(only(tables)["extra"]) == {"stats": {name: 3}}
    assert not tables.new_counters


def to_camel(name: str) -> str:
    """A column's name as JSON would have it: `valid_from` as `validFrom`."""
    return re.sub(r"(?<=[a-z])_([a-z])", lambda match: match[1].upper(), name)


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)
def test_no_counter_can_take_an_existing_column(channel: Channel) -> None:
    """Neither of operations, nor of histories, nor one that dlt adds to either."""
    taken = {*operations_table(channel).schema.names, *history_table(channel).schema.names}
    taken |= {VALID_FROM, VALID_TO, C_DLT_ID, C_DLT_LOAD_ID}

    for name in taken:
        for spelling in (name, to_camel(name), name.upper()):
            with pytest.raises(ValueError, match=r"makes no column name|would take the column"):
                counter_column(spelling, channel=channel)


def test_two_counters_with_one_column_name_are_not_mixed_up() -> None:
    """The first gets the column, the other is kept in `extra`."""
    row = only(read(GOOD | {"stats": {"linkClicks": 1, "link_clicks": 2}}))

    assert (row["link_clicks"], row["extra"]) == (1, '{"stats":{"link_clicks":2}}')


def test_an_undocumented_stat_that_is_not_a_number_is_in_extra() -> None:
    """Text, objects and fractions under new names do not reject the row."""
    stats = {"note": "x", "by_region": {"eu": 1}, "share": 0.5, "nothing": None}
    row = only(read(GOOD | {"stats": GOOD["stats"] | stats}))

    del stats["nothing"]
    assert msgspec.json.decode(row["extra"]) == {"stats": stats}


def test_a_new_field_is_kept_in_extra_and_reported() -> None:
    """Only rows that have it have an `extra`."""
    tables = read(GOOD | {"tags": {"campaign": "spring"}}, GOOD)

    assert tables.operations["extra"].to_pylist() == ['{"tags":{"campaign":"spring"}}', None]
    assert tables.new_fields == {"tags"}


def test_status_is_upper_cased_and_unknown_ones_are_reported() -> None:
    """The documentation shows both cases; unknown values are stored."""
    tables = read(GOOD | {"status": "completed"}, GOOD | {"status": "paused"})

    assert tables.operations["status"].to_pylist() == ["COMPLETED", "PAUSED"]
    assert tables.new_statuses == {"PAUSED"}


def test_a_wrong_type_outside_the_key_does_not_reject_the_row() -> None:
    """A status or `updatedAt` of another type is NULL, and its value is in `extra`."""
    row = only(read(GOOD | {"status": 7, "updatedAt": "later"}))

    assert (row["status"], row["updated_at"]) == (None, None)
    assert msgspec.json.decode(row["extra"]) == {"status": 7, "updatedAt": "later"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-19T06:20:00Z", datetime(2026, 11, 19, 6, 20, tzinfo=UTC)),
        ("2026-11-19T06:20:00.5Z", datetime(2026, 11, 19, 6, 20, 0, 500000, tzinfo=UTC)),
        ("2026-11-19T06:20:00.123456789Z", datetime(2026, 11, 19, 6, 20, 0, 123456, tzinfo=UTC)),
        ("2026-11-19T06:20:00+02:00", datetime(2026, 11, 19, 4, 20, tzinfo=UTC)),
        ("2026-11-19T06:20:00", datetime(2026, 11, 19, 6, 20, tzinfo=UTC)),
        ("2026-11-19 06:20:00", datetime(2026, 11, 19, 6, 20, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_any_precision_and_offset(text: str, expected: datetime) -> None:
    """The same instant is read, alone or among others."""
    assert only(read(GOOD | {"createdAt": text}))["created_at"] == expected
    both = read(GOOD, GOOD | {"createdAt": text}).operations["created_at"].to_pylist()
    assert both[1] == expected


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (5, "the row is no object but 5"),
        (None, "the row is no object but missing"),
        ({**GOOD, "id": None}, "the id is missing"),
        ({**GOOD, "id": ""}, "the id is ''"),
        ({**GOOD, "id": 12}, "the id is 12"),
        ({**GOOD, "createdAt": None}, "createdAt is missing"),
        ({**GOOD, "createdAt": "2026-11-19"}, "createdAt is '2026-11-19'"),
        ({**GOOD, "createdAt": "soon"}, "createdAt is 'soon'"),
        ({**GOOD, "createdAt": 1700000000}, "createdAt is 1700000000"),
        ({**GOOD, "createdAt": "2026-13-40T25:00:00Z"}, "createdAt is '2026-13-40T25:00:00Z'"),
        ({**GOOD, "stats": []}, "stats is []"),
        ({**GOOD, "stats": ""}, "stats is ''"),
        ({**GOOD, "stats": {"total": "5.0"}}, "the counter total is '5.0'"),
        ({**GOOD, "stats": {"total": " 5"}}, "the counter total is ' 5'"),
        ({**GOOD, "stats": {"total": "1e3"}}, "the counter total is '1e3'"),
        ({**GOOD, "stats": {"total": "1_000"}}, "the counter total is '1_000'"),
        ({**GOOD, "stats": {"total": "\u0665"}}, "the counter total is '\u0665'"),
        ({**GOOD, "stats": {"total": "-"}}, "the counter total is '-'"),
        ({**GOOD, "stats": {"total": ""}}, "the counter total is ''"),
        ({**GOOD, "stats": {"total": str(2**63)}}, "the counter total is '9223372036854775808'"),
        ({**GOOD, "stats": {"total": True}}, "the counter total is True"),
        ({**GOOD, "stats": {"total": 1.5}}, "the counter total is 1.5"),
        ({**GOOD, "stats": {"total": 2**63}}, "the counter total is 9223372036854775808"),
        ({**GOOD, "stats": {"total": {}}}, "the counter total is {}"),
    ],
)
def test_an_unreadable_row_is_rejected_with_its_text(row: Any, reason: str) -> None:
    """The rows around it are read as if it were not there."""
    tables = read(GOOD, row, GOOD)

    assert reasons(tables) == [reason]
    assert tables.rejected["raw"].to_pylist() == [msgspec.json.encode(row).decode()]
    assert tables.rejected["operation_id"].to_pylist() == [
        row["id"] if isinstance(row, dict) and reason[:6] != "the id" else None
    ]
    assert tables.operations.to_pylist() == read(GOOD, GOOD).operations.to_pylist()


def test_a_whole_number_with_a_fraction_is_read() -> None:
    """JSON has one number type: 5.0 is 5."""
    assert only(read(GOOD | {"stats": {"total": 5.0}}))["total"] == 5


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("40", 40),
        ("-3", -3),
        ("+7", 7),
        ("0", 0),
        ("-0", 0),
        ("007", 7),
        ("0" * 5000 + "1", 1),
        (str(2**63 - 1), 2**63 - 1),
        (str(-(2**63)), -(2**63)),
    ],
)
def test_a_whole_number_as_text_is_read(text: str, number: int) -> None:
    """In a documented counter and in a new one; other rows are not affected."""
    stats = {"total": text, "linkClicks": text}
    tables = read(GOOD, GOOD | {"stats": stats})

    assert tables.operations["total"].to_pylist() == [1, number]
    assert tables.operations["link_clicks"].to_pylist() == [None, number]
    assert tables.operations["extra"].to_pylist() == [None, None]
    assert not tables.rejected.num_rows


@pytest.mark.parametrize("text", ["40.5", "1e3", "", " 40", "40 ", "forty", str(2**63)])
def test_other_text_under_a_new_name_is_kept_in_extra(text: str) -> None:
    """It makes no column, and does not reject the row."""
    tables = read(GOOD | {"stats": GOOD["stats"] | {"linkClicks": text}})

    assert msgspec.json.decode(only(tables)["extra"]) == {"stats": {"linkClicks": text}}
    assert not tables.new_counters


def test_a_rejected_row_has_a_stable_key() -> None:
    """So that reading it again changes nothing; account and channel are part of the key."""
    one, again = read(5, channel="emails"), read(5, channel="emails")
    other = read(5, channel="messages")

    assert one.rejected["row_key"] == again.rejected["row_key"]
    assert one.rejected["row_key"] != other.rejected["row_key"]


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
anything = st.recursive(
    scalars, lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=6
)
counters = st.dictionaries(st.sampled_from([*MESSAGES.counters, "new", "Total"]), anything)
rows = st.dictionaries(st.text(max_size=5), anything) | st.fixed_dictionaries(
    {},
    optional={
        "id": st.just("op") | anything,
        "status": st.sampled_from(["COMPLETED", "x"]) | anything,
        "stats": counters | anything,
        "createdAt": st.just("2026-11-19T06:20:00Z") | anything,
        "updatedAt": st.just("2026-11-19T06:20:00Z") | anything,
        "more": anything,
    },
)


@pytest.mark.slow
@given(st.lists(rows | anything, max_size=5))
def test_any_json_is_read_without_losing_a_row(page: list[Any]) -> None:
    """Each row of a page is either read or rejected."""
    tables = read(*page)

    assert tables.operations.num_rows + tables.rejected.num_rows == len(page)
    tables.operations.validate(full=True)


ordinary = st.builds(
    lambda stats, status, more: GOOD | {"stats": stats, "status": status} | more,
    st.dictionaries(
        st.sampled_from([*MESSAGES.counters, "clicks"]),
        st.none() | st.integers(min_value=-(2**63), max_value=2**63 - 1),
    ),
    st.sampled_from(["completed", "PROCESSING", None]),
    st.dictionaries(st.sampled_from(["tags", "name"]), anything),
)


@pytest.mark.slow
@given(st.lists(ordinary, min_size=1, max_size=4))
def test_reading_by_column_and_by_row_agree(page: list[Any]) -> None:
    """A page of valid rows reads the same if a bad row forces the reader to go row by row."""
    alone, beside = read(*page), read(*page, "not a row")

    assert alone.operations.equals(beside.operations)
    assert alone.new_counters == beside.new_counters


@pytest.mark.slow
@given(st.lists(rows | ordinary | st.just(GOOD), max_size=5))
def test_arrow_and_plain_json_agree(page: list[Any]) -> None:
    """Arrow's reader is only faster: any page gives the same rows."""
    body = msgspec.json.encode({"operations": page, "pagination": {"next": None}})
    typed, plain = decode_page(body, channel=MESSAGES), plain_page(body)

    read_typed, read_plain = (
        read_page(page, channel=MESSAGES, stamp=STAMP) for page in (typed, plain)
    )

    assert read_typed == read_plain
    assert typed.next_token == plain.next_token
    assert typed.identities() == plain.identities()


@pytest.mark.parametrize("name", ["message_list", "email_list", "push_list"])
def test_a_documented_page_is_read_by_arrow(name: str) -> None:
    """The lists of the reference, and rows without `stats`."""
    rows = documented_payloads()[name]["operations"]
    bare = {"id": "op", "createdAt": "2026-11-19T06:20:00Z"}
    listed = {"operations": [*rows, bare, bare | {"stats": None}], "pagination": {}}
    channel = {"m": "messages", "e": "emails", "p": "push_notifications"}[name[0]]

    page = decode_page(msgspec.json.encode(listed), channel=CHANNELS[channel])

    assert isinstance(page.rows, pa.StructArray)


def test_a_rejection_has_the_position_of_the_row() -> None:
    """It says where on the page the row was."""
    sifted = sift([1, GOOD, 2], channel=MESSAGES)

    assert [rejection.position for rejection in sifted.rejections] == [0, 2]
    assert len(sifted.rows) == 1


def test_within_keeps_the_start_and_drops_the_end() -> None:
    """Spans are half-open, regardless of the API's bounds."""
    start = datetime(2026, 11, 19, 6, 20, tzinfo=UTC)
    times = ["2026-11-19T06:19:59.999999Z", "2026-11-19T06:20:00Z", "2026-11-19T06:21:00Z"]
    table = read(*(GOOD | {"createdAt": time} for time in times)).operations

    kept = within(table, Span(start, start + timedelta(minutes=1)))

    assert kept["created_at"].to_pylist() == [start]
    assert within(table.slice(0, 0), Span(start, start + timedelta(minutes=1))).num_rows == 0


NAMING = NamingConvention(63)
"""As dlt names columns; a name of 63 characters is the longest that each destination takes."""
WORDS = st.sampled_from(
    ["valid", "From", "to", "row", "Version", "_", "dlt", "id", "load", " ", "-", "2", "X", "total"]
)
counter_names = (
    st.text()
    | st.sampled_from(UNFIT)
    | st.lists(WORDS, max_size=20).map("".join)
    | st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,70}", fullmatch=True)
)


@given(st.lists(st.dictionaries(counter_names, st.integers(0, 9)), min_size=1, max_size=3))
def test_counters_of_any_name_have_valid_columns(stats: list[dict[str, int]]) -> None:
    """Each column has a different name, which dlt does not change; no count is lost."""
    ours = {*operations_table(MESSAGES).schema.names, *history_table(MESSAGES).schema.names}
    ours |= {VALID_FROM, VALID_TO, C_DLT_ID, C_DLT_LOAD_ID}

    tables = read(*(GOOD | {"id": str(n), "stats": each} for n, each in enumerate(stats)))

    rows = tables.operations
    for table in (rows, history_rows(rows)):
        assert [NAMING.normalize_identifier(name) for name in table.column_names] == (
            table.column_names
        )
        assert len(set(table.column_names)) == table.num_columns
    assert not tables.new_counters & ours
    assert set(rows.column_names) == {
        *operations_table(MESSAGES).columns.names,
        *tables.new_counters,
    }
    for each, row in zip(stats, rows.to_pylist(), strict=True):
        kept = msgspec.json.decode(row["extra"])["stats"] if row["extra"] else {}
        counted = [row[name] for name in (*MESSAGES.counters, *tables.new_counters)]
        counted = [count for count in counted if count is not None]
        assert kept.items() <= each.items()
        assert sorted([*counted, *kept.values()]) == sorted(each.values())


def test_joined_tables_keep_the_last_row_of_an_id() -> None:
    """And all columns; those that a table lacks are NULL."""
    older = read(GOOD, GOOD | {"id": "other"}).operations
    newer = read(GOOD | {"stats": {"total": 9, "clicks": 1}}).operations

    table = joined([older, newer], key="id")

    assert {row["id"]: (row["total"], row["clicks"]) for row in table.to_pylist()} == {
        "other": (1, None),
        GOOD["id"]: (9, 1),
    }


def test_rows_get_the_load_id() -> None:
    """In a last column; nothing else changes."""
    table = read(GOOD).operations

    stamped = with_load_id(table, "18")

    assert stamped.schema == operations_table(MESSAGES).schema
    assert stamped["_dlt_load_id"].to_pylist() == ["18"]
    assert stamped.drop_columns(["_dlt_load_id"]).equals(table)


def test_a_learned_counter_is_read_fast_and_gives_the_same_table() -> None:
    """The first page that has it goes row by row; later ones are read in columns."""
    rows = [GOOD | {"id": str(n), "stats": {"total": n, "linkClicks": 7 * n}} for n in range(3)]
    body = msgspec.json.encode({"operations": rows, "pagination": {"next": None}})
    slow = decode_page(body, channel=MESSAGES)
    first = read_page(slow, channel=MESSAGES, stamp=STAMP)
    fast = decode_page(body, channel=MESSAGES, learned=first.learned)
    second = read_page(fast, channel=MESSAGES, stamp=STAMP)

    assert first.learned == {"linkClicks"}
    assert not isinstance(slow.rows, pa.StructArray)
    assert isinstance(fast.rows, pa.StructArray)
    assert second.operations.equals(first.operations)
    assert second.new_counters == first.new_counters == {"link_clicks"}


def test_spellings_of_one_counter_share_a_column() -> None:
    """Each row has its own; none is lost, and none makes a second column."""
    rows = [
        GOOD | {"id": "a", "stats": {"linkClicks": 1}},
        GOOD | {"id": "b", "stats": {"link_clicks": 2}},
    ]

    tables = read(*rows)

    assert tables.operations["link_clicks"].to_pylist() == [1, 2]
    assert tables.new_counters == {"link_clicks"}
