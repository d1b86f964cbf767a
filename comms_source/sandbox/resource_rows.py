"""The resources of one operation as the API shows them. Pure."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from comms_source.channels import CHANNELS, Channel
from comms_source.sandbox.error_codes import NO_RCS, code_of, error_of
from comms_source.sandbox.ids import DIGITS, number_in, to_digits
from comms_source.sandbox.instants import format_instant
from comms_source.sandbox.lifecycles import HOUR, Lifecycle
from comms_source.sandbox.people import (
    MEMORY_STORE,
    device_of,
    email_of,
    name_of,
    phone_of,
    profile_of,
    recipient,
)
from comms_source.sandbox.pseudo_random import mix
from comms_source.sandbox.resources import OperationResources, ResourceState
from comms_source.sandbox.senders import email_sender, message_sender, push_sender, subchannel_of
from comms_source.sandbox.settings import ACCOUNT_ID, SandboxSettings
from comms_source.sandbox.tags import has_segments, segment_of, tags_of

PREFIXES: Final = {
    "messages": "comms_message_",
    "emails": "comms_email_",
    "push_notifications": "comms_pushnotification_",
}
INDEX_BITS: Final = 14
"""An operation has fewer resources than this many bits can count."""

_CHECK_BITS: Final = 61
_NUMBER_BITS: Final = 50
_URL: Final = "https://comms.twilio.com/v1"
_CONSOLE: Final = f"https://console.twilio.com/us1/monitor/logs/sms/{ACCOUNT_ID}"

# Salts; those up to 113 are used elsewhere.
_CHECK: Final = 114
_CODE: Final = 115
_SID: Final = 116


def place_in(resource_id: str, channel: Channel) -> tuple[int, int] | None:
    """The number of the operation and the index that an id contains; None if it is not an id."""
    digits = resource_id.removeprefix(PREFIXES[channel.name])[1:]
    value = number_in(digits)
    if value is None or len(digits) != DIGITS:
        return None
    number = value >> (_CHECK_BITS + INDEX_BITS)
    signed = number if number < 2 ** (_NUMBER_BITS - 1) else number - 2**_NUMBER_BITS
    return signed, value >> _CHECK_BITS & (2**INDEX_BITS - 1)


class ShownResources:
    """The resources of one operation of one channel."""

    def __init__(
        self,
        *,
        life: Lifecycle,
        number: int,
        key: int,
        operation_id: str,
        settings: SandboxSettings,
    ) -> None:
        """Prepare what its resources have in common.

        Args:
            life: The lifecycle of the operation.
            number: The number of the operation in its channel.
            key: What everything made up about the operation depends on.
            operation_id: The id of the operation.
            settings: The settings of the sandbox.
        """
        self.life = life
        self._channel = life.channel
        self._number, self._key = number, key
        self._operation_id = operation_id
        self._settings = settings
        self._salt = list(CHANNELS).index(life.channel.name)
        self._texts: dict[int, str] = {}
        scheduled = _scheduled_for(life)
        self._subchannel = subchannel_of(life, key)
        self._tags, self._has_segments = tags_of(key), has_segments(key)
        self._common = {
            "related": self._related(),
            "scheduledFor": None if scheduled is None else self.text(scheduled),
            "createdAt": self.text(life.created),
            "deletedAt": None,
        }
        if not settings.related:
            del self._common["related"]

    @cached_property
    def states(self) -> OperationResources:
        """Their states."""
        return OperationResources(self.life, self._key)

    def id_of(self, index: int) -> str:
        """The id of a resource: its channel, its operation's number, its index and a checksum."""
        check = mix(self._key, _CHECK, index) >> (64 - _CHECK_BITS)
        place = (self._number % 2**_NUMBER_BITS) << INDEX_BITS | index
        digits = to_digits(place << _CHECK_BITS | check)
        return f"{PREFIXES[self._channel.name]}{self._salt}{digits}"

    def row(self, index: int, now: int) -> dict[str, Any]:
        """The resource as lists show it at `now`."""
        state = self.states.state(index, now)
        person = recipient(self._key, index)
        row = {
            "id": self.id_of(index),
            "from": self._sender(index, state),
            "to": self._recipients(index),
            "status": state.status,
            "tags": self._tags | segment_of(person) if self._has_segments else self._tags,
            **self._common,
            "updatedAt": self.text(state.updated),
        }
        if self._channel.name == "emails":
            row["content"] = _content(self._channel, person)
        return row

    def details(self, index: int, now: int) -> dict[str, Any]:
        """The resource as it is shown by id at `now`."""
        content = _content(self._channel, recipient(self._key, index))
        row = self.row(index, now) | {"content": content}
        if self._channel.name != "messages":
            return row
        return row | {"attempts": self._attempts(index, self.states.state(index, now))}

    def code(self, index: int, state: ResourceState) -> int:
        """The error code of a resource that failed or is undelivered."""
        return code_of(state.status, self._carrier(index, state), self._key, _CODE, index)

    def text(self, instant: int) -> str:
        """The instant as the API shows it."""
        found = self._texts.get(instant)
        if found is None:
            found = format_instant(instant, self._settings.timestamps)
            self._texts[instant] = found
        return found

    def _carrier(self, index: int, state: ResourceState) -> str:
        """What carries the resource: SMS, RCS or WHATSAPP, EMAIL, or the provider of a push."""
        if self._channel.name == "emails":
            return "EMAIL"
        if self._channel.name == "push_notifications":
            return device_of(recipient(self._key, index))["provider"]
        return self._subchannel if state.attempts < 2 else "SMS"  # noqa: PLR2004

    def _sender(self, index: int, state: ResourceState) -> dict[str, Any]:
        if self._channel.name == "emails":
            return email_sender(self._key)
        if self._channel.name == "push_notifications":
            return push_sender(self._key)
        return self._message_sender(index, self._carrier(index, state))

    def _message_sender(self, index: int, subchannel: str) -> dict[str, Any]:
        seed = self._settings.seed
        return message_sender(seed=seed, key=self._key, subchannel=subchannel, index=index)

    def _recipients(self, index: int) -> list[dict[str, Any]]:
        people = [recipient(self._key, index)]
        if self._channel.name == "emails":
            return [{"address": email_of(each), "name": name_of(each)} for each in people]
        if self._channel.name == "push_notifications":
            return [device_of(each) for each in people]
        if self.life.kind == "group":
            people = [recipient(self._key, place) for place in range(self.life.recipients)]
        channel = "WHATSAPP" if self._subchannel == "WHATSAPP" else "PHONE"
        return [
            {
                "address": phone_of(each),
                "channel": channel,
                "profileId": profile_of(each),
                "memoryStoreId": MEMORY_STORE,
            }
            for each in people
        ]

    def _attempts(self, index: int, state: ResourceState) -> list[dict[str, Any]]:
        """Each attempt with its sender; all but the last failed."""
        carriers = [self._subchannel, "SMS"] if state.attempts > 1 else [self._subchannel]
        return [
            self._attempt(index, state, carrier, place)
            for place, carrier in enumerate(carriers[: state.attempts], 1)
        ]

    def _attempt(
        self, index: int, state: ResourceState, carrier: str, place: int
    ) -> dict[str, Any]:
        is_last = place == state.attempts
        failed = not is_last or state.status in {"FAILED", "UNDELIVERED"}
        last_status = "SENT" if state.status == "GROUP" else state.status
        sender = self._message_sender(index, carrier)
        sid = f"{mix(self._key, _SID, index, place):016x}"
        attempt = {
            "from": {name: sender[name] for name in ("address", "channel", "senderId")},
            "to": [
                {name: each[name] for name in ("address", "channel")}
                for each in self._recipients(index)
            ],
            "status": last_status if is_last else "FAILED",
            "attemptedAt": self.text(state.processed),
            "infoUrl": f"{_CONSOLE}/SM{sid}{sid}",
        }
        if not failed:
            return attempt
        return attempt | {"error": error_of(self.code(index, state) if is_last else NO_RCS)}

    def _related(self) -> list[dict[str, str]]:
        """The operation, as the examples of the documentation spell it."""
        path, each = self._channel.path, self._operation_id
        if self._channel.name == "push_notifications":
            uri = f"/{path}/Operations/{each.removeprefix('comms_operation_')}"
            return [{"name": "operation", "id": each, "uri": uri}]
        if self._channel.name == "emails" and not self._settings.email_related:
            return []
        return [{"name": "OPERATION", "id": each, "uri": f"{_URL}/{path}/Operations/{each}"}]


def _scheduled_for(life: Lifecycle) -> int | None:
    """When the operation is or was to be sent; a canceled one was canceled before that."""
    if life.kind == "canceled":
        return life.start + HOUR
    return life.start if life.start > life.created else None


def _content(channel: Channel, person: int) -> dict[str, Any]:
    text = f"Hello, sbxbody for {name_of(person)}"
    if channel.name == "emails":
        html = f"<html><body>{text}</body></html>"
        return {"subject": "sbxbody news", "text": text, "html": html, "attachments": []}
    return {"text": text} if channel.name == "messages" else {"title": "sbxbody", "body": text}
