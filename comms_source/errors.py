"""Every way in which reading can fail, sorted by what it stops.

    CommsSourceError
    ├── RunStopped                 nothing more can be loaded
    │   ├── ConfigurationError     a setting is missing, wrong or unsafe
    │   ├── CredentialsRefused     the API answered 401
    │   ├── HostUnreachable        no answer at all came from the API's host
    │   ├── ClockSkewed            this machine's clock is not the API's
    │   ├── PipelineBusy           the destination or the pipeline is in use elsewhere
    │   └── LoadFailed             the destination did not take what was read
    ├── ChannelRefused             the API answered 403, or 404 to a list: this channel stops
    └── ScanFailed                 this scan stops, the others go on
        ├── RequestRefused         400, or another answer that says the request is wrong
        ├── ServerFault            500, twice
        ├── StillBusy              429 or 503 for longer than we wait
        ├── ConnectionLost         timeouts, resets and cut answers, more often than we retry
        ├── NotJson                200, but no JSON: a proxy's page, for example
        ├── EnvelopeMissing        200 and JSON, but not the documented envelope
        ├── Redirected             a redirect, which is never followed
        └── EndlessScan            a page token came twice, or pages bring nothing new for ever

A message says what happened, where, and what to do. None carries credentials or a page token.
"""

from __future__ import annotations

from datetime import datetime, timedelta


class CommsSourceError(Exception):
    """Whatever this project raises on purpose."""


class RunStopped(CommsSourceError):
    """Nothing more can be loaded in this run."""


class ConfigurationError(RunStopped):
    """A setting is missing, wrong or unsafe."""


class CredentialsRefused(RunStopped):
    """The API does not accept the credentials (401)."""


class HostUnreachable(RunStopped):
    """No request of this run was ever answered."""


class ClockSkewed(RunStopped):
    """This machine's clock differs from the API's by more than a minute."""

    def __init__(self, skew: timedelta) -> None:
        """Hold by how much this machine's clock is ahead of the API's; negative if it is behind."""
        direction = "ahead of" if skew > timedelta(0) else "behind"
        super().__init__(
            f"this machine's clock is {abs(skew).total_seconds():,.0f} s {direction} the API's; "
            "set it (NTP), since the time decides what is read"
        )
        self.skew = skew


class PipelineBusy(RunStopped):
    """The destination or the pipeline is in use by somebody else."""

    def __init__(self, message: str, *, waited: bool = False) -> None:
        """Hold whether the run has waited for it already, for as long as it may."""
        super().__init__(message)
        self.waited = waited


class LoadFailed(RunStopped):
    """The destination did not take what was read."""


class ChannelRefused(CommsSourceError):
    """The credentials are good, but this channel is closed to them."""


class ScanFailed(CommsSourceError):
    """One scan ended before its last page; its range stays due."""


class RequestRefused(ScanFailed):
    """The API says that the request itself is wrong."""

    def __init__(
        self, message: str, *, status: int | None = None, api_time: datetime | None = None
    ) -> None:
        """Hold what the API answered with (None: not known), and when by its own clock."""
        super().__init__(message)
        self.status = status
        self.api_time = api_time


class ServerFault(ScanFailed):
    """The API failed on its side, and again on the one retry."""


class StillBusy(ScanFailed):
    """The API asked to wait for longer than this run may."""


class ConnectionLost(ScanFailed):
    """The connection failed, or answers arrived cut, on every attempt."""


class NotJson(ScanFailed):
    """The answer is a success, but no JSON."""


class EnvelopeMissing(ScanFailed):
    """The answer is JSON, but not the documented envelope."""


class Redirected(ScanFailed):
    """The answer points elsewhere; credentials are never sent there."""


class EndlessScan(ScanFailed):
    """The chain of pages does not come to an end."""
