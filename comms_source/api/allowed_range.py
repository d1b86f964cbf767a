"""The range of creation time that a list may ask for, as a run learns it from refusals.

Whether the API refuses a start before its retention, or an end in the future, is not documented.
Where it does (400), a asked asks again within the range that must be allowed, and so does every
later asked of the run from its first request on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from comms_source.errors import RequestRefused
from comms_source.timespans import BOUND_MARGIN, SECOND, Span, align_down, align_up, clip, to_iso
from comms_source.words import in_words

logger = logging.getLogger("comms_source")

BAD_REQUEST: Final = 400
FIRST_MARGIN: Final = timedelta(minutes=1)
"""How far from the end of retention a refused asked begins when it asks again."""
LARGEST_MARGIN: Final = timedelta(hours=1)
"""How far at most: a chain of pages keeps its start while the retention moves on."""


class Allowed:
    """What one run knows of the range. Safe for threads."""

    def __init__(self, *, retention: timedelta, clock: Callable[[], datetime]) -> None:
        """Know of no refusal.

        Args:
            retention: How long the API keeps operations, as the settings say.
            clock: The time on this machine.
        """
        self.retention = retention
        self._clock = clock
        self._ahead = timedelta(0)
        self._margin: timedelta | None = None
        self._lock = threading.Lock()

    @property
    def margin(self) -> timedelta | None:
        """Which margin was answered after a refusal; None where none was needed."""
        return self._margin

    def within(self, asked: Span, *, margin: timedelta) -> Span | None:
        """What of `asked` the API must allow; None if it allows nothing of it."""
        now = self._api_now()
        start = max(asked.start, align_up(now - self.retention + margin, SECOND))
        end = min(asked.end, align_down(now, SECOND) - SECOND)
        return Span(start, end) if start < end else None

    def begins_near_the_edge(self, span: Span) -> bool:
        """Whether `span` begins before the range, or so close that the margin may matter."""
        return span.start < self._api_now() - self.retention + LARGEST_MARGIN

    def heed(self, refusal: RequestRefused) -> None:
        """Go by the API's clock, where the refusal shows it: this machine's may differ."""
        if refusal.api_time is not None:
            self._ahead = refusal.api_time - self._clock()

    def remember(self, margin: timedelta) -> None:
        """Have later ranges ask with `margin` at once, since a request was answered with it."""
        with self._lock:
            first = self._margin is None
            self._margin = max(margin, self._margin or margin)
        if first:
            logger.info(
                "the API refuses lists beyond its range; this run asks for what was created from "
                "%s less %s ago up to a second ago",
                in_words(self.retention),
                in_words(margin),
            )

    def _api_now(self) -> datetime:
        return self._clock() + self._ahead


class AskedRange:
    """A span to read, and what of it the API lets be asked for."""

    def __init__(self, span: Span, *, allowed: Allowed) -> None:
        """Begin with the whole span, or with what is known to be allowed of it.

        Args:
            span: What to read.
            allowed: What the run knows; this asked adds to it.
        """
        self.span = span
        self._allowed = allowed
        self._margin = allowed.margin
        self._asked: Span | None = span.widened()
        self._narrowed = False
        if self._margin is not None:
            self._ask_within(self._margin)

    @property
    def span_asked(self) -> Span | None:
        """The bounds to send with every page of a chain; None if there is nothing to ask for."""
        return self._asked

    @property
    def narrowed(self) -> bool:
        """Whether less is asked for than the span."""
        return self._narrowed

    @property
    def covered(self) -> Span | None:
        """What of the span a finished chain has read; None if nothing."""
        if not self._narrowed:
            return self.span
        if self._asked is None or self._asked.width <= 2 * BOUND_MARGIN:
            return None
        # Whether bounds are included is not documented, so what lies close to them is not claimed.
        start, end = self._asked.start + BOUND_MARGIN, self._asked.end - BOUND_MARGIN
        return clip(self.span, to=Span(start, end))

    def require_some(self) -> None:
        """Check that the span is not beyond what the API answers for.

        Raises:
            RequestRefused: if it is.
        """
        if self.covered is None and self._allowed.begins_near_the_edge(self.span):
            kept = in_words(self._allowed.retention)
            raise RequestRefused(
                f"the API refuses lists of what was created more than {kept} ago, and so of all of "
                "this range; ask for a later one"
            )

    def note_answer(self) -> None:
        """Note that the API answered for what is asked."""
        if self._narrowed and self._margin is not None:
            self._allowed.remember(self._margin)

    def narrow(self, refusal: RequestRefused) -> None:
        """Ask for less after a refusal.

        Raises:
            RequestRefused: if it is not for the range (no 400), or nothing is left to try.
        """
        if refusal.status != BAD_REQUEST:
            raise refusal
        self._allowed.heed(refusal)
        refused, margin = self._asked, self._next_margin()
        if refused is None or margin is None or not self._ask_within(margin):
            raise self._in_the_end(refusal, refused)

    def _next_margin(self) -> timedelta | None:
        """The margin after the one in use; None after the largest."""
        if self._margin == LARGEST_MARGIN:
            return None
        following = 2 * self._margin if self._margin else FIRST_MARGIN
        return min(max(following, self._allowed.margin or following), LARGEST_MARGIN)

    def _ask_within(self, margin: timedelta) -> bool:
        """Take a margin; returns whether that changes what is asked."""
        self._margin, before = margin, self._asked
        if before is not None:
            self._asked = self._allowed.within(before, margin=margin)
        changed = self._asked != before
        self._narrowed = self._narrowed or changed
        return changed

    def _in_the_end(self, refusal: RequestRefused, refused: Span | None) -> RequestRefused:
        """The refusal, with what was tried and what may help."""
        words = str(refusal)
        if self._narrowed and refused is not None:
            bounds = f"{to_iso(refused.start)} to {to_iso(refused.end)}"
            words += f", also within a narrower range, {bounds}"
        if self._allowed.begins_near_the_edge(self.span):
            kept = in_words(self._allowed.retention)
            words += f"; if the API keeps operations for less than {kept}, set retention"
        return RequestRefused(words, status=refusal.status, api_time=refusal.api_time)
