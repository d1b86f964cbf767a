"""All errors of this project, by what they stop, and the exit codes of the commands.

    CommsSourceError
    ├── RunStopped                 nothing more can be loaded
    │   ├── ConfigurationError     a setting is missing, wrong or unsafe
    │   ├── CredentialsRefused     the API answered 401, or issues no access token
    │   ├── HostUnreachable        no request got a response from the API's host
    │   ├── ClockSkewed            this machine's clock differs from the API's
    │   ├── PipelineBusy           another program uses the destination or the pipeline
    │   ├── NothingLoaded          there is nothing to read before the first load
    │   └── LoadFailed             the destination rejected the data, or is not usable
    │       └── DestinationUnreachable  no connection to it can be opened
    ├── ChannelRefused             the API answered 403, or 404 to a list: this channel stops
    └── ScanFailed                 this scan stops, the others continue
        ├── RequestRefused         400, or another status for a wrong request
        ├── ServerFault            500, twice
        ├── StillBusy              429 or 503 for longer than `max_api_wait`
        ├── ConnectionLost         timeouts, resets or incomplete responses on every attempt
        ├── NotJson                200, but not JSON: a proxy's page, for example
        ├── EnvelopeMissing        200 and JSON, but not the documented envelope
        ├── Redirected             a redirect; redirects are never followed
        ├── EndlessScan            a page token is repeated, or too many pages bring nothing new
        ├── DetailsUnavailable     403, 404 or 405 to a request for details of an operation
        └── FilterIgnored          a list of one operation's resources has those of others

A message says what happened, where, and what to do. It never contains credentials or a page token.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Final

COMPLETE: Final = 0
"""The exit code of success, where nothing is missing."""
FAILED: Final = 1
"""The exit code if nothing, or nothing more, could be loaded."""
REFUSED: Final = 2
"""The exit code of wrong usage or configuration, or refused credentials."""
INCOMPLETE: Final = 3
"""The exit code if rows were loaded, but something is missing."""


class CommsSourceError(Exception):
    """The base class of this project's errors."""

    exit_code: ClassVar[int] = FAILED
    """That of a command that ends with the error."""


class RunStopped(CommsSourceError):
    """Nothing more can be loaded in this run."""


class ConfigurationError(RunStopped):
    """A setting is missing, wrong or unsafe."""

    exit_code = REFUSED


class CredentialsRefused(RunStopped):
    """The API does not accept the credentials (401), or issues no access token for them."""

    exit_code = REFUSED


class HostUnreachable(RunStopped):
    """No request of this run got a response."""


class ClockSkewed(RunStopped):
    """This machine's clock differs from the API's by more than a minute."""

    def __init__(self, skew: timedelta) -> None:
        """Keep by how much this machine's clock is ahead of the API's; negative if it is behind."""
        direction = "ahead of" if skew > timedelta(0) else "behind"
        super().__init__(
            f"this machine's clock is {abs(skew).total_seconds():,.0f} s {direction} the API's; "
            "set it (NTP), since the time determines what is read"
        )
        self.skew = skew


class PipelineBusy(RunStopped):
    """Another program uses the destination or the pipeline."""

    def __init__(self, message: str, *, waited: bool = False) -> None:
        """Keep whether the run has already waited as long as its settings allow."""
        super().__init__(message)
        self.waited = waited


class LoadFailed(RunStopped):
    """The destination rejected the data, or is not usable."""


class DestinationUnreachable(LoadFailed):
    """No connection to the destination can be opened."""


class NothingLoaded(RunStopped):
    """There are no tables yet; that is no failure before the first load."""

    exit_code = COMPLETE


class ChannelRefused(CommsSourceError):
    """The credentials are valid, but do not give access to this channel."""


class ScanFailed(CommsSourceError):
    """A scan ended before its last page; its range remains due."""


class RequestRefused(ScanFailed):
    """The API says that the request is wrong."""

    def __init__(
        self, message: str, *, status: int | None = None, api_time: datetime | None = None
    ) -> None:
        """Keep the status (None: unknown), and the API's own time of the response."""
        super().__init__(message)
        self.status = status
        self.api_time = api_time


class ServerFault(ScanFailed):
    """The API had an internal error, and again on the one retry."""


class StillBusy(ScanFailed):
    """The API required a longer wait than `max_api_wait`."""


class ConnectionLost(ScanFailed):
    """The connection failed, or the response was incomplete, on every attempt."""


class NotJson(ScanFailed):
    """The response is a success, but not JSON."""


class EnvelopeMissing(ScanFailed):
    """The response is JSON, but not the documented envelope."""


class Redirected(ScanFailed):
    """The response is a redirect; credentials are never sent to its target."""


class EndlessScan(ScanFailed):
    """The chain of pages does not end."""


class DetailsUnavailable(ScanFailed):
    """The API does not offer details of operations, or not to these credentials."""

    def __init__(self, message: str, *, status: int | None) -> None:
        """Keep the status of the response (None: unknown)."""
        super().__init__(message)
        self.status = status


class FilterIgnored(ScanFailed):
    """A list of one operation's resources has those of others; nothing of it is loaded."""
