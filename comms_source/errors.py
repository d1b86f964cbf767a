"""Every way in which reading can fail, sorted by what it stops.

    CommsSourceError
    ├── RunStopped                 nothing more can be loaded
    │   ├── ConfigurationError     a setting is missing, wrong or unsafe
    │   ├── CredentialsRefused     the API answered 401
    │   ├── HostUnreachable        no answer at all came from the API's host
    │   ├── PipelineBusy           the destination or the pipeline is in use elsewhere
    │   └── LoadFailed             the destination did not take what was read
    ├── ChannelRefused             the API answered 403, or 404 to a list: this channel stops
    └── WalkFailed                 this walk stops, the others go on
        ├── RequestRefused         400, or another answer that says the request is wrong
        ├── ServerFault            500, twice
        ├── StillBusy              429 or 503 for longer than we wait
        ├── ConnectionLost         timeouts, resets and cut answers, more often than we retry
        ├── NotJson                200, but no JSON: a proxy's page, for example
        ├── EnvelopeMissing        200 and JSON, but not the documented envelope
        ├── Redirected             a redirect, which is never followed
        └── EndlessWalk            a page token came twice, or pages bring nothing new for ever

A message says what happened, where, and what to do. None carries credentials or a page token.
"""

from __future__ import annotations


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


class PipelineBusy(RunStopped):
    """The destination or the pipeline is in use by somebody else."""


class LoadFailed(RunStopped):
    """The destination did not take what was read."""


class ChannelRefused(CommsSourceError):
    """The credentials are good, but this channel is closed to them."""


class WalkFailed(CommsSourceError):
    """One walk ended before its last page; its range stays due."""


class RequestRefused(WalkFailed):
    """The API says that the request itself is wrong."""


class ServerFault(WalkFailed):
    """The API failed on its side, and again on the one retry."""


class StillBusy(WalkFailed):
    """The API asked to wait for longer than this run may."""


class ConnectionLost(WalkFailed):
    """The connection failed, or answers arrived cut, on every attempt."""


class NotJson(WalkFailed):
    """The answer is a success, but no JSON."""


class EnvelopeMissing(WalkFailed):
    """The answer is JSON, but not the documented envelope."""


class Redirected(WalkFailed):
    """The answer points elsewhere; credentials are never sent there."""


class EndlessWalk(WalkFailed):
    """The chain of pages does not come to an end."""
