"""How much a run reads before it commits."""

from __future__ import annotations

import math
import threading


class PageBudget:
    """How many pages are read before what was read is committed. Safe for threads."""

    def __init__(self, pages: float = math.inf) -> None:
        """Allow `pages`, and what the last scan that begins takes beyond them."""
        self._left = pages
        self._promised = 0
        self._lock = threading.Lock()

    def promise(self, pages: int) -> bool:
        """Set so many pages aside for a scan; False if it should not begin any more."""
        with self._lock:
            allowed = self._left > self._promised
            self._promised += pages if allowed else 0
        return allowed

    def release(self, pages: int) -> None:
        """Set them aside no longer: the scan has ended."""
        with self._lock:
            self._promised -= pages

    def spend(self) -> None:
        """Note a page that was read."""
        with self._lock:
            self._left -= 1
