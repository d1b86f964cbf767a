"""Looks at everything a load depends on, without loading: what passes, and what to do where not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Literal

from comms_source.api.allowed_range import RequestedRange
from comms_source.api.client import CommsClient, PageAnswer
from comms_source.api.pagination import scan_pages
from comms_source.channels import Channel
from comms_source.config.accounts import Account, read_accounts, unread_settings
from comms_source.config.settings import Settings
from comms_source.coverage.planner import retained
from comms_source.destinations.pipeline import dataset_exists, describe_destination, open_pipeline
from comms_source.destinations.write_permission import check_write_permission
from comms_source.errors import (
    COMPLETE,
    FAILED,
    INCOMPLETE,
    REFUSED,
    ChannelRefused,
    CommsSourceError,
    ConfigurationError,
    ConnectionLost,
    CredentialsRefused,
    DestinationUnreachable,
    PipelineBusy,
)
from comms_source.extract.session import Session
from comms_source.views.settings import view_settings
from comms_source.words import in_words

MAX_CLOCK_SKEW: Final = timedelta(seconds=60)
"""How far this machine's clock may be from the API's."""

Kind = Literal[
    "passed",
    "wrong_setting",
    "wrong_secret",
    "missing_permission",
    "unreachable",
    "skewed_clock",
    "other",
]
EXIT_CODES: Final[dict[str, int]] = {
    "passed": COMPLETE,
    "wrong_setting": REFUSED,
    "wrong_secret": REFUSED,
    "missing_permission": INCOMPLETE,
    "unreachable": FAILED,
    "skewed_clock": INCOMPLETE,
    "other": FAILED,
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    subject: str
    """A channel, `settings`, or `destination`."""
    kind: Kind
    detail: str
    account: str | None = None
    """Whose channel, or settings; None for the destination, which all have in common."""

    @property
    def passed(self) -> bool:
        """Whether all is well."""
        return self.kind == "passed"

    def as_dict(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "account": self.account,
            "subject": self.subject,
            "passed": self.passed,
            "kind": self.kind,
            "detail": self.detail,
        }


def check_configuration() -> Iterator[Check]:
    """Look at what all accounts have in common; yields only what is wrong.

    Raises:
        ConfigurationError: if a file with settings cannot be read.
    """
    for sentence in unread_settings():
        yield Check("settings", "wrong_setting", sentence)
    try:
        view_settings()
    except ConfigurationError as error:
        yield Check("settings", "wrong_setting", str(error))


def check_accounts(
    *, names: Sequence[str] | None, channels: Sequence[str] | None
) -> Iterator[Check]:
    """Look at the settings of each account, and at its channels.

    Args:
        names: Which accounts; by default all.
        channels: Which of their channels; by default all that they are configured for.
    """
    try:
        accounts = read_accounts(names=names, channels=channels).selected
    except ConfigurationError as error:
        yield Check("settings", "wrong_setting", str(error))
        return
    for account in accounts:
        yield from check_account(account)


def check_account(account: Account) -> Iterator[Check]:
    """Look at the settings of one account, and at its channels."""
    try:
        for check in check_channels(account.settings):
            yield replace(check, account=account.name)
    except ConfigurationError as error:
        yield Check("settings", "wrong_setting", str(error), account=account.name)


def check_channels(settings: Settings) -> Iterator[Check]:
    """Ask each channel for one operation, once and without max_api_wait."""
    hasty = replace(settings, attempts=1, max_api_wait=timedelta(seconds=1), page_size=1)
    session = Session(settings=hasty, bears_skew=True)
    with session.connected() as client:
        for channel in session.settings.selected:
            yield check_channel(client, channel, session=session)


def check_channel(client: CommsClient, channel: Channel, *, session: Session) -> Check:
    """Ask one channel for one operation, and compare its clock with this machine's.

    It is asked for the range that a first load asks for, so that a refusal of that range shows.
    """
    span = retained(now=session.now, policy=session.settings.policy)
    requested = RequestedRange(span, allowed=session.allowed)
    try:
        answer = next(scan_pages(client=client, channel=channel, requested=requested), None)
        requested.require_allowed()
    except CommsSourceError as error:
        return Check(channel.name, _kind(error), str(error))
    if answer is None:
        return Check(channel.name, "passed", "readable")
    check = _compare_clocks(channel, answer)
    return replace(check, detail=check.detail + _remark(requested, session))


def _remark(requested: RequestedRange, session: Session) -> str:
    """What a load does about the range, if the API refuses the whole of it."""
    if not requested.narrowed or session.allowed.margin is None:
        return ""
    return (
        f"; the API refuses a range beyond {in_words(session.settings.retention)} or up to now, so "
        f"loads ask for {in_words(session.allowed.margin)} less, and for nothing after the last "
        "second"
    )


def exit_code(checks: list[Check]) -> int:
    """The code for the gravest of the checks: refused before unreachable before incomplete."""
    codes = {EXIT_CODES[check.kind] for check in checks}
    return next(code for code in (REFUSED, FAILED, INCOMPLETE, COMPLETE) if code in codes | {0})


def _kind(error: CommsSourceError) -> Kind:
    kinds: dict[type[CommsSourceError], Kind] = {
        ConfigurationError: "wrong_setting",
        CredentialsRefused: "wrong_secret",
        ChannelRefused: "missing_permission",
        ConnectionLost: "unreachable",
        DestinationUnreachable: "unreachable",
        PipelineBusy: "unreachable",
    }
    return kinds.get(type(error), "other")


def _compare_clocks(channel: Channel, answer: PageAnswer) -> Check:
    if answer.api_time is None:
        return Check(channel.name, "passed", "readable; the API did not tell its time")
    skew = answer.received_at - answer.api_time
    seconds = abs(skew).total_seconds()
    if abs(skew) <= MAX_CLOCK_SKEW:
        return Check(channel.name, "passed", "readable")
    direction = "ahead of" if skew > timedelta(0) else "behind"
    return Check(
        channel.name,
        "skewed_clock",
        f"readable, but this machine's clock is {seconds:,.0f} s {direction} the API's; set it "
        "(NTP), since the time decides what is read",
    )


def check_destination(*, destination: str | None, dataset: str | None) -> Check:
    """Whether the destination lets this machine in, and lets a load create its tables."""
    try:
        pipeline = open_pipeline(destination=destination, dataset=dataset)
        dataset_exists(pipeline)
        check_write_permission(pipeline)
    except CommsSourceError as error:
        return Check("destination", _kind(error), str(error))
    return Check(
        "destination",
        "passed",
        f"{describe_destination(pipeline)}, dataset {pipeline.dataset_name}",
    )
