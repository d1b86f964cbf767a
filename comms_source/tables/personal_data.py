"""What becomes of personal data: addresses of people, and texts that may contain them. Pure.

`drop` keeps none, `hash` a keyed digest of each address, so that people can be counted, and `keep`
the address. The content of messages and device tokens are kept by none of them.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Pii = Literal["drop", "hash", "keep"]

HIDDEN: Final = "(hidden)"
"""What stands in a text in the place of an address."""

DIGEST_LENGTH: Final = 32
"""Hexadecimal digits of a digest: 128 bits, so that no two of all people share one."""

_DAY: Final = r"(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME: Final = r"\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?"
_ZONE: Final = r"(?:Z|[+-]\d\d:\d\d)"
_ADDRESS: Final = re.compile(
    rf"(?P<kept>(?<![\d+]){_DAY}(?:[T ]{_TIME}(?: ?{_ZONE})?)?(?![\d-]))"  # looks like a number
    r"|[^\s<>\"(),;:]+@[^\s<>\"'(),;:]+"  # an email address
    r"|\+?\d(?:[ ().-]{0,2}\d){7,}"  # a telephone number: eight digits or more
    r"|[^\s/<>\"'(),;]{32,}"  # a device token, or another identifier as long
)
_LEAST_NUMBER: Final = 10**7
"""From here on a number may be a telephone number: it has eight digits."""
_SCHEME: Final = re.compile(r"^(?:tel|sms|rcs|whatsapp|mailto):", re.IGNORECASE)
_KEPT_TEXTS: Final = frozenset(
    {"code", "message", "infoUrl", "moreInfo", "status", "type", "level", "severity", "title"}
)
"""Fields of an error whose text is kept, with addresses hidden."""
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,30}")
"""The name of a field; an object by recipient has addresses in the place of names."""
_INSTANT: Final = re.compile(rf"{_DAY}T{_TIME}{_ZONE}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalData:
    """How personal data is treated."""

    pii: Pii = "drop"
    key: str = field(default="", repr=False)
    """The secret key of the digests."""

    def address(self, address: str | None) -> str | None:
        """What is kept of a person's address; one address has one digest in all channels."""
        if self.pii == "drop" or not address:
            return None
        if self.pii == "keep":
            return address
        return hmac.digest(self.key.encode(), _plain(address).encode(), "sha256").hex()[
            :DIGEST_LENGTH
        ]

    def text(self, text: str | None) -> str | None:
        """A message of the API, with the addresses in it hidden unless they are kept."""
        if text is None or self.pii == "keep":
            return text
        return _ADDRESS.sub(lambda found: found["kept"] or HIDDEN, text)

    def texts(self, value: Any) -> Any:
        """The same for all texts in decoded JSON."""
        if isinstance(value, Mapping):
            return {name: self.texts(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.texts(each) for each in value]
        return self.text(value) if isinstance(value, str) else value

    def error(self, error: Any) -> Any:
        """What is kept of an error whose fields are not documented.

        Numbers are kept if they are too short for a telephone number, and times, and the texts of
        the usual fields of an error.
        """
        if isinstance(error, Mapping):
            kept = {
                name: self._field(name, value)
                for name, value in error.items()
                if _NAME.fullmatch(str(name))
            }
            return {name: value for name, value in kept.items() if value not in (None, {}, [])}
        if isinstance(error, list):
            return [value for value in map(self.error, error) if value not in (None, {}, [])]
        return error if is_short_number(error) else None

    def _field(self, name: str, value: Any) -> Any:
        if not isinstance(value, str):
            return self.error(value)
        if _INSTANT.fullmatch(value):
            return value
        return self.text(value) if name in _KEPT_TEXTS else None


def is_short_number(value: Any) -> bool:
    """Whether a value is a truth value, or a number that is too short for a telephone number."""
    return isinstance(value, int | float) and abs(value) < _LEAST_NUMBER


def _plain(address: str) -> str:
    """The address as it is the same in each channel: `whatsapp:+1...` is the number."""
    plain = _SCHEME.sub("", address.strip()).strip().casefold()
    return plain if "@" in plain else re.sub(r"[\s().-]", "", plain)
