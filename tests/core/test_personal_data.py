"""What becomes of people's addresses, and of texts that may contain them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source.tables.personal_data import DIGEST_LENGTH, HIDDEN, PersonalData

DROP = PersonalData()
HASH = PersonalData(pii="hash", key="a secret key")
KEEP = PersonalData(pii="keep")

PHONE, EMAIL = "+14153901002", "Jane.Doe+news@mail.example.co.uk"
TOKEN = "bk3RNwTe3H0:CI2k_HHwgIpoDKCIZvvDMExUdFQ3P1-dAb9x"
"""As those of FCM begin; real ones are longer."""


@pytest.mark.parametrize("address", [PHONE, EMAIL, "comms_pushnotificationuser_01h2", ""])
def test_drop_keeps_no_address(address: str) -> None:
    """Of any kind; that is the default."""
    assert DROP.address(address) is None


@pytest.mark.parametrize("address", [PHONE, EMAIL, f"whatsapp:{PHONE}"])
def test_keep_keeps_the_address_as_it_came(address: str) -> None:
    """To the letter."""
    assert KEEP.address(address) == address


@pytest.mark.parametrize("address", [PHONE, EMAIL])
def test_hash_keeps_a_digest(address: str) -> None:
    """Hexadecimal digits of one length, the same each time, and no part of the address."""
    digest = HASH.address(address)

    assert digest == PersonalData(pii="hash", key="a secret key").address(address)
    assert digest is not None
    assert len(digest) == DIGEST_LENGTH
    assert int(digest, 16) >= 0


@pytest.mark.parametrize("personal", [DROP, HASH, KEEP], ids=lambda each: each.pii)
def test_no_address_stays_none(personal: PersonalData) -> None:
    """Nobody has no digest."""
    assert personal.address(None) is None


@pytest.mark.parametrize(
    ("address", "same"),
    [
        (PHONE, f"whatsapp:{PHONE}"),
        (PHONE, f"WhatsApp:{PHONE}"),
        (PHONE, f"rcs:{PHONE}"),
        (PHONE, f"sms: {PHONE}"),
        (PHONE, f"tel:{PHONE}"),
        (PHONE, f" {PHONE}\n"),
        (PHONE, "+1 (415) 390-1002"),
        (PHONE, "+1.415.390.1002"),
        (EMAIL, EMAIL.upper()),
        (EMAIL, f" {EMAIL} "),
        (EMAIL, f"mailto:{EMAIL}"),
        (EMAIL, f"mailto: {EMAIL}"),
    ],
)
def test_a_person_has_one_digest_in_all_channels(address: str, same: str) -> None:
    """However the address is written."""
    assert HASH.address(same) == HASH.address(address)


def test_other_people_and_other_keys_have_other_digests() -> None:
    """Without the key, nobody can try out all phone numbers."""
    other_key = PersonalData(pii="hash", key="another key")
    digests = {
        HASH.address(PHONE),
        HASH.address("+14153901003"),
        HASH.address(EMAIL),
        other_key.address(PHONE),
        other_key.address(EMAIL),
    }

    assert len(digests) == 5


def test_the_key_is_not_shown() -> None:
    """Neither in a log nor in an error that shows the object."""
    assert "a secret key" not in repr(HASH)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"The number {PHONE} is unknown.", f"The number {HIDDEN} is unknown."),
        ("Call +1 (415) 390-1002 now", f"Call {HIDDEN} now"),
        ("To 0044 20 7946 0958, failed", f"To {HIDDEN}, failed"),
        (f"whatsapp:{PHONE}", f"whatsapp:{HIDDEN}"),
        (f"<{EMAIL}>: mailbox is full", f"<{HIDDEN}>: mailbox is full"),
        (f"550 5.1.1 {EMAIL} unknown", f"550 5.1.1 {HIDDEN} unknown"),
        (f"token {TOKEN} is not registered", f"token {HIDDEN} is not registered"),
        (f"token {'0a' * 32}", f"token {HIDDEN}"),
        (f"{PHONE} and {PHONE} on 2026-11-20", f"{HIDDEN} and {HIDDEN} on 2026-11-20"),
        (f"2026-11-20T12:00:30Z {PHONE}", f"2026-11-20T12:00:30Z {HIDDEN}"),
        ("2026-11-20 4153901002", f"2026-11-20 {HIDDEN}"),
    ],
)
def test_addresses_in_a_text_are_hidden(text: str, kept: str) -> None:
    """The rest of the text stays; with `keep` all of it does."""
    assert (DROP.text(text), HASH.text(text), KEEP.text(text)) == (kept, kept, text)


@pytest.mark.parametrize(
    "text",
    [
        "Recipient does not have RCS enabled.",
        "Error 61337: see https://www.twilio.com/docs/api/errors/61337",
        "codes 30003, 30005 and 30006",
        "since 2026-11-20",
        "at 2026-11-20T12:00:30.123456Z, and 2026-11-20 12:00 +01:00",
        "between 2026-11-20 and 2026-11-21",
        "3 of 1000 were sent in 12.5 s",
        "",
    ],
)
def test_codes_and_dates_in_a_text_are_kept(text: str) -> None:
    """They say why a send failed, and when."""
    assert DROP.text(text) == text


def test_a_text_that_is_missing_stays_missing() -> None:
    """It is not the same as an empty one."""
    assert DROP.text(None) is None


def test_an_error_keeps_its_usual_texts_numbers_and_times() -> None:
    """What else it says is left out, in lists and objects too."""
    error = {
        "code": 30003,
        "message": f"{PHONE} cannot be reached",
        "infoUrl": "/docs/api/errors/30003",
        "count": 4,
        "share": 0.5,
        "final": True,
        "lastOccurredAt": "2026-11-20T12:00:30Z",
        "recipient": "Jane Doe",
        "context": {"to": PHONE, "attempts": 2},
        "samples": [{"to": EMAIL}, {"status": "FAILED", "name": "Jane"}, "Jane", None],
        "nothing": None,
    }

    assert DROP.error(error) == {
        "code": 30003,
        "message": f"{HIDDEN} cannot be reached",
        "infoUrl": "/docs/api/errors/30003",
        "count": 4,
        "share": 0.5,
        "final": True,
        "lastOccurredAt": "2026-11-20T12:00:30Z",
        "context": {"attempts": 2},
        "samples": [{"status": "FAILED"}],
    }


@pytest.mark.parametrize("personal", [DROP, HASH, KEEP], ids=lambda each: each.pii)
def test_an_error_keeps_no_text_that_is_not_listed(personal: PersonalData) -> None:
    """Also with `keep`: a field that nobody knows may be the content of a message."""
    kept = personal.error({"body": "Hello, Jane", "token": TOKEN, "nested": {"title": "full"}})

    assert kept == {"nested": {"title": "full"}}


@pytest.mark.parametrize(
    "error",
    [
        {"to": 14153901002},
        {"to": 14153901002.0},
        {"recipients": [14153901002, 14153901003]},
        {"byRecipient": {PHONE: 3, EMAIL: 4}},
        {"infoUrl": f"https://example.com/?to={PHONE}"},
    ],
)
def test_addresses_in_numbers_names_and_links_are_left_out(error: dict[str, Any]) -> None:
    """A phone number may be sent as a number, and an address as the name of a field."""
    shown = msgspec.json.encode(DROP.error(error)).decode()

    assert "4153901" not in shown
    assert "Jane" not in shown


phones = st.from_regex(r"\+[1-9]\d{9,13}", fullmatch=True)
emails = st.emails(domains=st.sampled_from(["example.org", "mail.example.co.uk"]))
tokens = st.from_regex(r"[A-Za-z0-9:_-]{32,160}", fullmatch=True)
addresses = phones | emails | tokens
names = st.sampled_from(["code", "message", "title", "to", "recipient", "detail", "infoUrl"])


@given(
    address=addresses, before=st.sampled_from(["", "to ", "<", "at 2026-11-20 "]), data=st.data()
)
def test_no_address_survives_in_an_unknown_error(
    address: str, before: str, data: st.DataObject
) -> None:
    """Wherever it is: in a text, a list, an object, or as the name of a field."""
    leaf = st.sampled_from([address, f"{before}{address}", f"{before}{address} failed"])
    error = data.draw(
        st.dictionaries(
            names | st.just(address),
            st.recursive(
                leaf | st.integers(0, 99_999),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(names | st.just(address), inner, max_size=3)
                ),
                max_leaves=5,
            ),
            max_size=4,
        )
    )

    shown = msgspec.json.encode(DROP.error(error)).decode()

    assert msgspec.json.encode(address).decode().strip('"') not in shown


@given(address=phones | emails, scheme=st.sampled_from(["", "whatsapp:", "tel:", "MAILTO:", " "]))
def test_a_digest_depends_on_the_person_alone(address: str, scheme: str) -> None:
    """Not on the scheme, blanks or the case of letters."""
    assert HASH.address(f"{scheme}{address.upper()} ") == HASH.address(address)
