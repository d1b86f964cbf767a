"""The range of creation time that the API allows in a list request, learned from its refusals.

It is not documented whether the API refuses a start before its retention or an end in the future.
If it does (400), the scan repeats the request within the range that must be allowed. Later scans of
the run stay within that range from their first request on.
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
"""How long after the start of the retention the first repeated request begins."""
LARGEST_MARGIN: Final = timedelta(hours=1)
"""The maximum: a chain of pages keeps its start while the retention moves on."""


class AllowedRange:
    """What one run knows about the allowed range. Thread-safe."""

    def __init__(self, *, retention: timedelta, clock: Callable[[], datetime]) -> None:
        """Start without any known refusal.

        Args:
            retention: How long the API keeps operations, by the settings.
            clock: The time on this machine.
        """
        self.retention = retention
        self._clock = clock
        self._ahead = timedelta(0)
        self._margin: timedelta | None = None
        self._lock = threading.Lock()

    @property
    def margin(self) -> timedelta | None:
        """The margin that worked after a refusal; None if the API has refused no range."""
        return self._margin

    def within(self, bounds: Span, *, margin: timedelta) -> Span | None:
        """The part of `bounds` that the API must allow; None if there is none."""
        now = self._api_now()
        start = max(bounds.start, align_up(now - self.retention + margin, SECOND))
        end = min(bounds.end, align_down(now, SECOND) - SECOND)
        return Span(start, end) if start < end else None

    def starts_near_retention(self, span: Span) -> bool:
        """Whether `span` starts before the retention plus `LARGEST_MARGIN`."""
        return span.start < self._api_now() - self.retention + LARGEST_MARGIN

    def use_api_clock(self, refusal: RequestRefused) -> None:
        """Use the API's clock if the refusal shows it: this machine's clock may be wrong."""
        if refusal.api_time is not None:
            self._ahead = refusal.api_time - self._clock()

    def remember(self, margin: timedelta) -> None:
        """Let later ranges start with `margin`, since the API answered a request with it."""
        with self._lock:
            first = self._margin is None
            self._margin = max(margin, self._margin or margin)
        if first:
            logger.info(
                "the API refuses lists outside its range; this run requests only operations "
                "created in the last %s minus %s, up to one second ago",
                in_words(self.retention),
                in_words(margin),
            )

    def _api_now(self) -> datetime:
        return self._clock() + self._ahead


class RequestedRange:
    """A span to read, and the bounds to request for it."""

    def __init__(self, span: Span, *, allowed: AllowedRange) -> None:
        """Start with the whole span, or with the part of it that is known to be allowed.

        Args:
            span: What to read.
            allowed: What the run knows; this range adds to it.
        """
        self.span = span
        self._allowed = allowed
        self._margin = allowed.margin
        self._bounds: Span | None = span.widened()
        self._narrowed = False
        if self._margin is not None:
            self._apply_margin(self._margin)

    @property
    def bounds(self) -> Span | None:
        """The bounds to send with every page of a chain; None if there is nothing to request."""
        return self._bounds

    @property
    def narrowed(self) -> bool:
        """Whether less than the span is requested."""
        return self._narrowed

    @property
    def covered(self) -> Span | None:
        """The part of the span that a finished chain has read; None if nothing."""
        if not self._narrowed:
            return self.span
        if self._bounds is None or self._bounds.width <= 2 * BOUND_MARGIN:
            return None
        # Whether bounds are included is not documented, so the instants next to them do not count.
        start, end = self._bounds.start + BOUND_MARGIN, self._bounds.end - BOUND_MARGIN
        return clip(self.span, to=Span(start, end))

    def require_allowed(self) -> None:
        """Check that the API allows some of the span.

        Raises:
            RequestRefused: if all of the span is before the retention.
        """
        if self.covered is None and self._allowed.starts_near_retention(self.span):
            kept = in_words(self._allowed.retention)
            raise RequestRefused(
                f"the API refuses to list operations created more than {kept} ago, and all of this "
                "range is older; request a later range"
            )

    def note_answer(self) -> None:
        """Note that the API answered a request with the current bounds."""
        if self._narrowed and self._margin is not None:
            self._allowed.remember(self._margin)

    def narrow(self, refusal: RequestRefused) -> None:
        """Request less after a refusal.

        Raises:
            RequestRefused: if the range is not the reason (not a 400), or nothing is left to try.
        """
        if refusal.status != BAD_REQUEST:
            raise refusal
        self._allowed.use_api_clock(refusal)
        refused, margin = self._bounds, self._next_margin()
        if refused is None or margin is None or not self._apply_margin(margin):
            raise self._explained(refusal, refused)

    def _next_margin(self) -> timedelta | None:
        """The margin to try next; None after the largest."""
        if self._margin == LARGEST_MARGIN:
            return None
        following = 2 * self._margin if self._margin else FIRST_MARGIN
        return min(max(following, self._allowed.margin or following), LARGEST_MARGIN)

    def _apply_margin(self, margin: timedelta) -> bool:
        """Narrow the bounds by a margin; returns whether that changes them."""
        self._margin, before = margin, self._bounds
        if before is not None:
            self._bounds = self._allowed.within(before, margin=margin)
        changed = self._bounds != before
        self._narrowed = self._narrowed or changed
        return changed

    def _explained(self, refusal: RequestRefused, refused: Span | None) -> RequestRefused:
        """The refusal, with what was tried and what may help."""
        message = str(refusal)
        if self._narrowed and refused is not None:
            bounds = f"{to_iso(refused.start)} to {to_iso(refused.end)}"
            message += f", also within a narrower range, {bounds}"
        if self._allowed.starts_near_retention(self.span):
            kept = in_words(self._allowed.retention)
            message += f"; if the API keeps operations for less than {kept}, set retention"
        return RequestRefused(message, status=refusal.status, api_time=refusal.api_time)
