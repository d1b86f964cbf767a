"""Read for a minute from a server with a rate limit; started by `cases`.

python limited.py URL USER PASSWORD RATE
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from datetime import timedelta
from typing import Final

import httpx

from comms_source.channels import CHANNELS, Channel
from comms_source.config.credentials import BasicCredentials
from comms_source.config.settings import Settings
from comms_source.coverage.planner import Scan
from comms_source.coverage.stored_channel import StoredChannel
from comms_source.errors import RunStopped
from comms_source.extract.news import News
from comms_source.extract.parallel_scans import PageLimit, ParallelScans, ScanQueue
from comms_source.extract.session import Session
from comms_source.timespans import Span, windows

SECONDS: Final = 60.0
SETTLING_SECONDS: Final = 5.0
PAGE_SIZE: Final = 50
"""Small, so that there are enough pages for more than a minute."""


class RecordingTransport(httpx.HTTPTransport):
    """Records the time and status of each response, and ends the run after a minute."""

    def __init__(self) -> None:
        super().__init__()
        self.began = time.monotonic()
        self.answers: list[tuple[float, int]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Forward the request."""
        response = super().handle_request(request)
        response.read()
        self.answers.append((time.monotonic() - self.began, response.status_code))
        if self.answers[-1][0] > SECONDS:
            raise RunStopped("the minute is over")
        return response


def main() -> None:
    """Read for a minute, then print the result."""
    url, user, password, rate = sys.argv[1:5]
    transport = RecordingTransport()
    credentials = BasicCredentials(user, password)
    settings = Settings(credentials=credentials, base_url=url, page_size=PAGE_SIZE)
    session = Session(settings=settings, transport=transport)
    readers = [threading.Thread(target=_read, args=(c, session)) for c in CHANNELS.values()]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    sys.stdout.write(_sentence(transport.answers, rate=float(rate)))


def _read(channel: Channel, session: Session) -> None:
    span = Span(session.now - timedelta(days=6), session.now)
    scans = deque(Scan(span=part) for part in windows(span, timedelta(hours=6)))
    waiting = ScanQueue(scans, unit=session.settings.window)
    reading = ParallelScans(
        channel=channel,
        session=session,
        on_error="raise",
        scans=waiting,
        limit=PageLimit(),
        news=News(StoredChannel()),
    )
    try:
        for _ in reading.pages():
            pass
    except RunStopped:
        return


def _sentence(answers: list[tuple[float, int]], *, rate: float) -> str:
    passed = sum(at <= SECONDS and status == httpx.codes.OK for at, status in answers)
    later = [status for at, status in answers if SETTLING_SECONDS < at <= SECONDS]
    refused = later.count(httpx.codes.TOO_MANY_REQUESTS) / len(later)
    return (
        f"{rate:.0f} requests a second allowed: {passed / (rate * SECONDS):.1%} of them used in a "
        f"minute; after {SETTLING_SECONDS:.0f} s {refused:.2%} of the requests refused\n"
    )


if __name__ == "__main__":
    main()
