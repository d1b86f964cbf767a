"""Counts, lengths of time and wrapped lines for people. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

_NARROWEST: Final = 20
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"
_AFTER_NUMBER: Final = re.compile(r"(?<=\d) (?=[a-zA-Z])")


def counted(count: int, what: str, several: str | None = None) -> str:
    """A count with its noun, in the plural unless there is one."""
    return f"{count:,} {what if count == 1 else several or what + 's'}"


def line_width(columns: int) -> int:
    """How long lines may be in a terminal of so many columns; below 20 they cannot be read."""
    return max(_NARROWEST, columns)


def in_words(length: timedelta) -> str:
    """A length of time as the settings write it."""
    for unit, name in _UNITS.items():
        if length >= unit and length % unit == timedelta(0):
            return f"{length // unit} {name}" + ("s" if length > unit else "")
    return f"{length.total_seconds():g} seconds"


def wrapped(line: str, *, width: int) -> list[str]:
    """A line in lines of at most `width` characters, the others indented by two more than it.

    It is broken at blanks only, and not between a number and the word after it. A word that is
    longer, such as a path or an id, stays whole.
    """
    text = line.lstrip(" ")
    indent = " " * (len(line) - len(text))
    lines = textwrap.wrap(
        _AFTER_NUMBER.sub(_NO_BREAK, text),
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    return [each.replace(_NO_BREAK, " ") for each in lines] or [""]


def side_by_side(items: Iterable[str], *, width: int) -> list[str]:
    """Items in lines of at most `width` characters, as many on each as there is room for.

    Only an item that is longer than a line is broken. The indentation is that of the first item.
    """
    first, *others = items
    text = first.lstrip(" ")
    indent = first[: len(first) - len(text)]
    room = width - len(indent) - 2
    whole = (
        item.replace(" ", _NO_BREAK) if len(item) <= room else item for item in (text, *others)
    )
    return wrapped(indent + "  ".join(whole), width=width)


_UNITS: Final = {
    timedelta(days=1): "day",
    timedelta(hours=1): "hour",
    timedelta(minutes=1): "minute",
}
