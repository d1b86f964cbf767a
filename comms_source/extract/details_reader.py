"""Reads the details of one operation: resources or a sample of them, attempts, errors."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from comms_source.api.client import FORBIDDEN, DetailsAnswer
from comms_source.api.details import BudgetSpent, DetailsApi
from comms_source.channels import Channel
from comms_source.coverage.details import DueDetails, Kind
from comms_source.errors import DetailsUnavailable, RequestRefused
from comms_source.tables.detail_tables import ATTEMPTS, DETAILS, ERRORS, TAGS, resource_table
from comms_source.tables.error_reader import attempt_rows, error_rows, receipts_as_json
from comms_source.tables.operations import joined
from comms_source.tables.personal_data import PersonalData
from comms_source.tables.resource_reader import Resource, ResourcePage, resource_rows, tags_of
from comms_source.tables.specs import TEXT, Piece

logger = logging.getLogger("comms_source")

WITH_ERRORS: Final = ("FAILED", "UNDELIVERED")
"""The statuses of messages whose attempts say why."""

_SENT_FROM: Final = ("sub_channel", "sender", "sender_id", "sender_pool_id")
Row = Mapping[str, Any]


@dataclass(slots=True)
class OperationDetails:
    """What was read of one operation."""

    due: DueDetails
    pieces: list[Piece] = field(default_factory=list)
    resources: int = 0
    rejected: int = 0
    messages: int = 0
    """Messages whose attempts were read."""
    new_fields: set[str] = field(default_factory=set)
    unavailable: dict[str, DetailsUnavailable] = field(default_factory=dict)
    """Why the API refused something that the rest does not depend on: `errors`, the list of them,
    or `attempts`, messages by id."""


def read_details(
    due: DueDetails,
    *,
    api: DetailsApi,
    channel: Channel,
    account: str,
    personal: PersonalData,
    asked: frozenset[str],
    errors_per_operation: int,
    read_at: datetime,
) -> OperationDetails:
    """Read what is due of an operation.

    Args:
        due: The operation, and the kinds.
        api: Sends the requests.
        channel: The operation's channel.
        account: The label of the account.
        personal: How personal data is treated.
        asked: Messages of it whose attempts were read before; they do not change any more.
        errors_per_operation: Of how many messages the attempts are read, those in `asked` included;
            and of how many resources with several recipients the receipts.
        read_at: When the reading began.

    Raises:
        BudgetSpent: if no more requests may be sent.
        CommsSourceError: if a request fails.
    """
    reader = _Reader(
        due=due,
        api=api,
        channel=channel,
        account=account,
        personal=personal,
        asked=asked,
        most=errors_per_operation,
        read_at=read_at,
        details=OperationDetails(due),
    )
    if "resources" in due.kinds:
        reader.read_resources()
    elif "tags" in due.kinds:
        reader.read_sample()
    if "errors" in due.kinds:
        try:
            reader.read_errors()
        except BudgetSpent:
            if due.kinds == ("errors",):
                raise
            # What else was read is kept; the errors are due again.
    return reader.details


@dataclass(slots=True, kw_only=True)
class _Reader:
    due: DueDetails
    api: DetailsApi
    channel: Channel
    account: str
    personal: PersonalData
    asked: frozenset[str]
    most: int
    """Of how many resources something is requested one by one."""
    read_at: datetime
    details: OperationDetails
    failed: list[str] | None = None
    """The ids of the failed and undelivered messages; None as long as they are not known."""

    @property
    def id(self) -> str:
        """The operation's id."""
        return self.due.operation.id

    def read_resources(self) -> None:
        """All resources, and with them the tags."""
        pages: list[pa.Table] = []
        resources: dict[str, Resource] = {}
        rejected = 0
        for answer in self.api.resources(self.id):
            pages.append(self._rows(answer))
            resources |= {each.id: each for each in answer.content.resources}
            rejected += answer.content.rejected
        rows = joined(pages, key="id")
        self.details.resources, self.details.rejected = rows.num_rows, rejected
        self.failed = sorted(each.id for each in resources.values() if _has_errors(each))
        self._put_receipts(rows)
        self._put_tags(tags_of(resources.values()), rows, counted=True)
        outcome = {"resources": rows.num_rows, "rejected": rejected}
        self._record("resources", is_empty=not rows.num_rows, **outcome)

    def read_sample(self) -> None:
        """One resource, which stands for all: its tags, and where it was sent from."""
        answer = next(self.api.resources(self.id, most=1))
        self._put_tags(tags_of(answer.content.resources), self._rows(answer), counted=False)

    def read_errors(self) -> None:
        """The attempts of messages that failed, and the API's list of errors."""
        not_asked = None
        if self.channel.name == "messages":
            left = [each for each in self._failed_messages() if each not in self.asked]
            room = max(0, self.most - len(self.asked))
            read = sum(map(self._read_attempts, left[:room]))
            known = len(self.asked) + read
            not_asked = max(0, self.due.operation.not_delivered - known)
        self._read_list_of_errors()
        refused = "attempts" if self.channel.name == "messages" else "errors"
        if refused not in self.details.unavailable:
            self._record("errors", not_asked=not_asked)

    def _read_list_of_errors(self) -> None:
        try:
            pages = self.api.errors(self.id)
        except DetailsUnavailable as refused:
            self.details.unavailable["errors"] = refused
            return
        rows = error_rows(
            [error for page in pages for error in page.content.rows],
            account=self.account,
            channel=self.channel.name,
            operation_id=self.id,
            synced_at=pages[0].received_at,
            personal=self.personal,
        )
        self._put(Piece(ERRORS, ERRORS.rows(rows)))

    def _failed_messages(self) -> Sequence[str]:
        if self.failed is None:
            pages = [
                next(self.api.resources(self.id, status=status, most=self.most))
                for status in WITH_ERRORS
            ]
            # An API that ignores the filter lists messages of every status.
            self.failed = sorted(
                each.id for page in pages for each in page.content.resources if _has_errors(each)
            )
        return self.failed

    def _read_attempts(self, message_id: str) -> bool:
        """Whether the message and its attempts could be read."""
        try:
            answer = self.api.message(message_id)
        except DetailsUnavailable as refused:
            if refused.status == FORBIDDEN:
                self.details.unavailable["attempts"] = refused
            return False  # It is counted among those that were not asked for.
        except RequestRefused:
            return False
        rows = attempt_rows(
            answer.content,
            account=self.account,
            operation_id=self.id,
            synced_at=answer.received_at,
            personal=self.personal,
        )
        self._put(Piece(ATTEMPTS, ATTEMPTS.rows(rows)))
        self.details.messages += 1
        return True

    def _put_receipts(self, rows: pa.Table) -> None:
        """The rows, with the receipts of those that have several recipients, as far as allowed."""
        several: Any = pc.greater(rows["recipients"], pa.scalar(1))
        ids: list[Any] = rows["id"].filter(several).to_pylist()
        known: dict[str, str | None] = {}
        try:
            for resource_id in ids[: self.most]:
                receipts = self.api.receipts(resource_id)
                known[resource_id] = receipts_as_json(receipts)
        except DetailsUnavailable as refused:
            self.details.unavailable["receipts"] = refused
        except BudgetSpent:
            logger.debug("%s: no requests are left for receipts", self.id)
        if known:
            every: list[Any] = rows["id"].to_pylist()
            column = pa.array([known.get(each) for each in every], TEXT)
            place = rows.schema.get_field_index("receipts")
            rows = rows.set_column(place, rows.schema.field(place), column)
        self._put(Piece(resource_table(self.channel), rows))

    def _rows(self, answer: DetailsAnswer[ResourcePage]) -> pa.Table:
        # A clock that is set back meanwhile must not make what was read look older than the read:
        # the views take such rows for those of an earlier one.
        self.read_at = min(self.read_at, answer.received_at)
        self.details.new_fields |= answer.content.new_fields
        return resource_rows(
            answer.content,
            channel=self.channel,
            account=self.account,
            operation_id=self.id,
            synced_at=answer.received_at,
            personal=self.personal,
        )

    def _put_tags(
        self, tags: Counter[tuple[str, str]], resources: pa.Table, *, counted: bool
    ) -> None:
        rows: list[Row] = [
            {
                "account": self.account,
                "channel": self.channel.name,
                "operation_id": self.id,
                "tag": tag,
                "value": value,
                "resources": count if counted else None,
                "synced_at": self.read_at,
            }
            for (tag, value), count in sorted(tags.items())
        ]
        self._put(Piece(TAGS, TAGS.rows(rows)))
        first = resources.select(_SENT_FROM).slice(0, 1).to_pylist()
        self._record("tags", is_empty=not first, **(first[0] if first else {}))

    def _record(self, kind: Kind, *, is_empty: bool = False, **values: Any) -> None:
        row = {
            "account": self.account,
            "channel": self.channel.name,
            "operation_id": self.id,
            "kind": kind,
            "created_at": self.due.operation.created_at,
            "outcome": "empty" if is_empty else "read",
            "read_at": self.read_at,
            "read_version": self.due.version_of(kind),
            **values,
        }
        self._put(Piece(DETAILS, DETAILS.rows([row])))

    def _put(self, piece: Piece) -> None:
        if piece.rows.num_rows:
            self.details.pieces.append(piece)


def _has_errors(resource: Resource) -> bool:
    return (resource.status or "").upper() in WITH_ERRORS
