"""Laws of details: each is checked after every run, against the sandbox and its requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa

from comms_source.api.details import NO_OPERATION
from comms_source.channels import CHANNELS
from comms_source.extract.run_stats import DetailsStats
from comms_source.sandbox.instants import to_ms
from comms_source.sandbox.resource_rows import ShownResources, place_in
from comms_source.tables.detail_tables import ATTEMPTS, DETAILS, TAGS
from comms_source.tables.history import row_versions
from comms_source.tables.specs import LOAD_ID
from comms_source.timespans import SECOND
from tests.simulation.laws import DAY, LawBroken
from tests.simulation.machines import COUNTERS, RESOURCES, STORED, Machine
from tests.simulation.world import CHANNEL, Asked, Sent, World

STALE = 0.5
"""Details may be older than the operation by this share of its age, except in its last day."""
FAILED = frozenset({"FAILED", "UNDELIVERED"})
SEEN = frozenset({"DELIVERED", "READ"})
INACCURACY = 2 * SECOND
"""By how much a clock that was corrected by the API's may be behind, and a little more."""

_OF_NO_STATUS = frozenset({"total", "recipients", "attempts", "unaddressable"})
"""Counters that are not the number of resources in a status."""

Row = dict[str, Any]
Key = tuple[str, str]
"""An operation and a kind."""


@dataclass(slots=True)
class Moment:
    """What a check looks at: the tables after a run, and what the run requested."""

    now: datetime
    """When the run began, by the API's clock."""
    ended: datetime
    operations: Mapping[str, Row]
    versions: Mapping[str, int]
    """The current version of each operation."""
    read: Mapping[Key, Row]
    """What was read of details, in packages that were loaded whole."""
    recorded: Sequence[Row]
    """The same of all packages: also of those that were lost once this table had its rows."""
    resources: Mapping[str, Sequence[Row]]
    """By operation."""
    attempts: Mapping[str, Sequence[Row]]
    """By operation."""
    tags: Mapping[str, Sequence[Row]]
    """By operation."""
    asked: Sequence[Asked]
    """The requests of this run."""


@dataclass(slots=True)
class DetailsWitness:
    """Observes what every run does about details."""

    world: World
    sent: Mapping[str, Sent]
    """The true operations, by id."""
    before: dict[Key, Row] = field(default_factory=dict)
    """What was read when the last run had ended."""
    messages_before: frozenset[str] = frozenset()
    """The messages whose attempts were stored then."""
    lists: dict[str, list[tuple[int, datetime]]] = field(default_factory=dict)
    """By operation: in which run, and when, a page of all its resources was answered."""
    first: dict[str, datetime] = field(default_factory=dict)
    """By kind, the earliest creation time of what was read."""
    runs: int = 0
    checked: set[tuple[str, datetime | str]] = field(default_factory=set)
    figures: Counter[str] = field(default_factory=Counter)
    """How often something was compared, so that a test can ask whether anything was."""
    _seen: int = 0
    _ids: dict[str, list[str]] = field(default_factory=dict)
    """The ids of an operation's resources."""

    def check(
        self, machine: Machine, *, complete: bool, dated: bool, now: datetime, stats: DetailsStats
    ) -> None:
        """Check every law.

        Args:
            machine: The machine after a run.
            complete: Whether the run read all operations that were due.
            dated: Whether all runs so far had a correct clock.
            now: When it began, by the API's clock.
            stats: What it counted.
        """
        moment = self._moment(machine, now)
        self._resources_are_of_their_operation(moment)
        self._the_budget_is_kept(moment)
        self._nothing_is_read_without_need(moment)
        self._attempts_are_few_and_read_once(moment)
        if dated:
            self._resources_equal_what_the_api_showed(moment)
            self._reads_are_whole(moment)
            self._only_unread_details_expire(moment)
            if complete:
                self._what_expired_is_recorded(moment)
            if complete and stats.read_all and not stats.waiting:
                self._nothing_is_stale(moment)
        self.before = dict(moment.read)
        self.messages_before = frozenset(
            row["message_id"] for rows in moment.attempts.values() for row in rows
        )

    def restored(self, machine: Machine) -> None:
        """Note that the warehouse was restored: it may lack what was read since the backup."""
        self.before = {_key(row): row for row in machine.details_read()}
        self.messages_before = frozenset(row["message_id"] for row in machine.rows(ATTEMPTS.name))
        self.checked.clear()
        self.first.clear()
        self._note_first(machine.rows(DETAILS.name))

    def _moment(self, machine: Machine, now: datetime) -> Moment:
        asked = self.world.asked[self._seen :]
        self._seen, self.runs = len(self.world.asked), self.runs + 1
        for request in asked:
            if request.answered and self._lists_all(request):
                pages = self.lists.setdefault(request.parameters["operationId"], [])
                pages.append((self.runs, request.at))
        operations = {row["id"]: row for row in machine.rows(CHANNEL)}
        rows = pa.Table.from_pylist([*operations.values()], schema=STORED)
        versions: list[Any] = row_versions(rows).to_pylist()
        return Moment(
            now=now,
            ended=self.world.clock.now(),
            operations=operations,
            versions=dict(zip(operations, versions, strict=True)),
            read={_key(row): row for row in machine.details_read()},
            recorded=machine.rows(DETAILS.name),
            resources=_by_operation(machine.rows(RESOURCES)),
            attempts=_by_operation(machine.rows(ATTEMPTS.name)),
            tags=_by_operation(machine.rows(TAGS.name)),
            asked=asked,
        )

    def _resources_are_of_their_operation(self, moment: Moment) -> None:
        """13: no resource of another operation is stored, also where the filter is ignored."""
        for operation_id, rows in [*moment.resources.items(), *moment.attempts.items()]:
            number = self.sent[operation_id].number
            for row in rows:
                mark = (row.get("message_id") or row["id"], operation_id)
                if mark in self.checked:
                    continue
                self.checked.add(mark)
                found = place_in(mark[0], CHANNELS[CHANNEL])
                if found is None or found[0] != number:
                    raise LawBroken(f"{row} is stored with {operation_id}")
        for operation_id, rows in moment.tags.items():
            if (operation_id, "tags") in self.checked:
                continue  # Tags do not change.
            self.checked.add((operation_id, "tags"))
            shown = self._planned(operation_id)
            created = shown.life.created
            known = {
                pair
                for index in shown.states.indices(created)
                for pair in shown.row(index, created)["tags"].items()
            }
            if {(row["tag"], row["value"]) for row in rows} - known:
                raise LawBroken(f"{rows} are not the tags of {operation_id}")

    def _resources_equal_what_the_api_showed(self, moment: Moment) -> None:
        """14: a stored resource is in the state that the API showed at its `synced_at`."""
        for operation_id, rows in moment.resources.items():
            fresh = [row for row in rows if (row["id"], row["synced_at"]) not in self.checked]
            self.checked.update((row["id"], row["synced_at"]) for row in fresh)
            read_at = itemgetter("synced_at")
            for at, page in groupby(sorted(fresh, key=read_at), key=read_at):
                shown = [self._listed(operation_id, at), self._listed(operation_id, at + SECOND)]
                for row in page:
                    states = [each.get(row["id"]) for each in shown]
                    if row["status"] not in states:
                        raise LawBroken(f"{row} is not what the API showed: {states}")

    def _reads_are_whole(self, moment: Moment) -> None:
        """15: after a read the resources that the API listed are stored, and add up.

        The numbers of those in each status are the operation's counters, in its counter mode, where
        it did not change between its own read and that of its resources.
        """
        for (operation_id, kind), row in moment.read.items():
            if kind != "resources" or row["outcome"] == "expired":
                continue
            mark = (operation_id, row["read_at"])
            if mark in self.checked:
                continue
            self.checked.add(mark)
            pages = self._pages(operation_id, row["read_at"])
            states = [self._listed(operation_id, at) for at in (pages[0], pages[-1])]
            current = {
                each["id"]: each
                for each in moment.resources.get(operation_id, ())
                if each["synced_at"] >= row["read_at"] - SECOND
            }
            if lost := states[0].keys() & states[1].keys() - current.keys():
                raise LawBroken(f"{len(lost)} resources of {row} are missing")
            operation = moment.operations[operation_id]
            if any(each["synced_at"] > pages[-1] + SECOND for each in current.values()):
                continue  # A package that was lost had read them again.
            self.figures["reads"] += 1
            instants = [operation["synced_at"], *pages]
            is_listed = operation["unaddressable"] == operation["total"] or states[1]
            if is_listed and self._unchanged(operation, min(instants), max(instants)):
                self.figures["sums"] += 1
                self._adds_up(operation, Counter(each["status"] for each in current.values()))

    def _adds_up(self, operation: Row, statuses: Counter[str]) -> None:
        counts = dict(statuses)
        if self.world.model.settings.readings[CHANNEL] == "cumulative":
            seen = sum(statuses[name] for name in SEEN)
            counts |= {"DELIVERED": seen, "SENT": statuses["SENT"] + seen + statuses["UNDELIVERED"]}
        names = [name for name in COUNTERS if name not in _OF_NO_STATUS]
        expected = {name: operation[name] for name in names}
        if expected != {name: counts.get(name.upper(), 0) for name in names}:
            raise LawBroken(f"the resources of {operation} are {counts}")

    def _nothing_is_stale(self, moment: Moment) -> None:
        """16: after a run that the budget sufficed for, the details are those of the last state.

        Or they were read recently for the age of the operation, which does not count in its last
        day. That is the last look, so what is stored at the end is the last state.
        """
        now = moment.now - INACCURACY
        for operation_id, operation in moment.operations.items():
            age = now - operation["created_at"]
            if moment.ended - operation["created_at"] >= self._retention:
                continue
            is_last_day = age >= self._retention - DAY + 2 * INACCURACY
            for kind in self._kinds(operation):
                row = moment.read.get((operation_id, kind))
                if row is None or row["read_at"] is None:
                    raise LawBroken(f"{kind} of {operation} were not read by {moment.now}")
                self.figures["looks"] += is_last_day
                version = self._version(moment, operation, kind)
                if row["outcome"] == "read" and row["read_version"] == version:
                    continue
                is_recent = now - row["read_at"] < STALE * age
                if not is_recent or (is_last_day and row["outcome"] == "read"):
                    raise LawBroken(f"{row} is not of the last state of {operation}")

    def _the_budget_is_kept(self, moment: Moment) -> None:
        """17: a run sends no more requests for details than `details_requests`, but may repeat."""
        sent = sum(not request.repeats for request in moment.asked)
        if sent > self._setting("details_requests"):
            raise LawBroken(f"{sent} requests for details in a run")

    def _nothing_is_read_without_need(self, moment: Moment) -> None:
        """18: details are requested again only where the operation is in another state.

        And where the API had listed nothing yet.
        """
        first = Counter(self._begun(moment.asked))
        for (operation_id, kind), times in first.items():
            before = self.before.get((operation_id, kind))
            if times > 1:
                raise LawBroken(f"{kind} of {operation_id} were read {times} times in a run")
            if before is None or before["outcome"] != "read":
                continue
            version = self._version(moment, moment.operations[operation_id], kind)
            if before["read_version"] == version:
                raise LawBroken(f"{before} was read again without need")

    def _begun(self, asked: Sequence[Asked]) -> Iterator[Key]:
        """The operations and kinds that requests begin to read."""
        for request in asked:
            operation_id = request.parameters.get("operationId", "")
            if request.repeats or "pageToken" in request.parameters:
                continue
            if request.path.endswith("/Errors"):
                yield request.path.split("/")[-2], "errors"
            elif _is_of_all(request):
                yield operation_id, "resources" if self._lists_all(request) else "tags"

    def _only_unread_details_expire(self, moment: Moment) -> None:
        """19: only what was never read is recorded as expired, once, and of details that are kept.

        They are kept from the creation of the oldest operation on of which any were read.
        """
        first = self.first
        self._note_first([row for row in moment.recorded if row["outcome"] != "expired"])
        for key, row in moment.read.items():
            before = self.before.get(key)
            if row["outcome"] != "expired":
                continue
            self.figures["expired"] += before is None
            if row["created_at"] < first.get(key[1], row["created_at"] + SECOND):
                raise LawBroken(f"{row} is from before details were read")
            if row["created_at"] + self._retention > moment.ended:
                raise LawBroken(f"{row} has not left retention at {moment.ended}")
            if before is not None and before[LOAD_ID.name] != row[LOAD_ID.name]:
                raise LawBroken(f"{row} was {before}")

    def _note_first(self, rows: Sequence[Row]) -> None:
        for row in rows:
            kind, created = row["kind"], row["created_at"]
            self.first[kind] = min(created, self.first.get(kind, created))

    def _what_expired_is_recorded(self, moment: Moment) -> None:
        """20: after a complete run, each operation past retention was read or is recorded."""
        first = self.first
        for operation_id, operation in moment.operations.items():
            gone = moment.now - INACCURACY - operation["created_at"] > self._retention
            for kind in self._kinds(self._when_last_listed(operation)) if gone else ():
                owed = kind in first and operation["created_at"] >= first[kind]
                if owed and (operation_id, kind) not in moment.read:
                    raise LawBroken(f"{kind} of {operation} expired, which is not recorded")

    def _when_last_listed(self, operation: Row) -> Row:
        """What failed later than that could not be read."""
        instant = to_ms(operation["created_at"] + self._retention)
        shown = self.world.population.show(self.sent[operation["id"]].number, instant)
        known: Row = shown["stats"]
        return known if operation["failed"] + operation["undelivered"] else operation

    def _attempts_are_few_and_read_once(self, moment: Moment) -> None:
        """21: of an operation, `errors_per_operation` failed messages at most, each read once."""
        most = self._setting("errors_per_operation")
        for operation_id, rows in moment.attempts.items():
            messages = {row["message_id"]: row["synced_at"] for row in rows}
            if len(messages) > most:
                raise LawBroken(f"the attempts of {len(messages)} messages of {operation_id}")
            for message_id in messages.keys() - self.messages_before:
                # Failures are final, so any later time shows them too.
                status = self._states(operation_id, moment.ended).get(message_id)
                if status not in FAILED:
                    raise LawBroken(f"{message_id} has not failed: {status}")
                self.figures["messages"] += 1
        requested = {
            request.path.rsplit("/", 1)[-1]
            for request in moment.asked
            if not request.parameters and not request.path.endswith("/Errors")
        }
        if again := requested & self.messages_before:
            raise LawBroken(f"{again} were read before")

    def _kinds(self, operation: Row) -> list[str]:
        """What has to be read of an operation; tags are read with the resources."""
        kinds = list(self._setting("details"))
        if not (operation["failed"] + operation["undelivered"]):
            kinds = [kind for kind in kinds if kind != "errors"]
        return kinds

    def _version(self, moment: Moment, operation: Row, kind: str) -> int:
        if kind == "resources":
            return moment.versions[operation["id"]]
        return operation["failed"] + operation["undelivered"] if kind == "errors" else 0

    def _pages(self, operation_id: str, read_at: datetime) -> list[datetime]:
        """When the API answered with the pages of the read that began at `read_at`."""
        pages = [page for page in self.lists[operation_id] if page[1] >= read_at - SECOND]
        return [at for run, at in pages if run == pages[0][0]]

    def _lists_all(self, request: Asked) -> bool:
        """Whether a request is for a page of all resources of an operation."""
        return _is_of_all(request) and request.parameters["pageSize"] != "1"

    def _unchanged(self, operation: Row, start: datetime, end: datetime) -> bool:
        """Whether the operation was in one state from `start` to `end`, the stored one."""
        number, population = self.sent[operation["id"]].number, self.world.population
        stats = [population.show(number, to_ms(at))["stats"] for at in (start, end + SECOND)]
        return all({name: operation[name] for name in COUNTERS} == each for each in stats)

    def _listed(self, operation_id: str, at: datetime) -> Mapping[str, str]:
        """The states of the operation's resources that lists show at a time, by id."""
        settings, operation = self.world.model.settings, self.sent[operation_id]
        age = at - operation.created
        is_listed = settings.resource_lag <= age <= settings.retention
        visible = self.world.population.listed(operation.number, to_ms(at))
        return self._states(operation_id, at) if is_listed and visible else {}

    def _states(self, operation_id: str, at: datetime) -> Mapping[str, str]:
        """The states of the operation's resources at a time, by id."""
        shown = self._planned(operation_id)
        instant = max(to_ms(at), shown.life.created)
        states = shown.states
        if operation_id not in self._ids:
            self._ids[operation_id] = [*map(shown.id_of, range(shown.life.total))]
        ids = self._ids[operation_id]
        return {
            ids[index]: states.state(index, instant).status for index in states.indices(instant)
        }

    def _planned(self, operation_id: str) -> ShownResources:
        resources = self.world.model._resources[CHANNEL]
        return resources._planned(self.sent[operation_id].number)

    def _setting(self, name: str) -> Any:
        return self.world.habits.settings[name]

    @property
    def _retention(self) -> timedelta:
        return self.world.model.settings.retention


def _is_of_all(request: Asked) -> bool:
    """Whether a request is for resources of an operation, in any status."""
    parameters = request.parameters
    is_real = parameters.get("operationId") not in {None, NO_OPERATION}
    return is_real and "status" not in parameters


def _key(row: Row) -> Key:
    return row["operation_id"], row["kind"]


def _by_operation(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["operation_id"], []).append(row)
    return found
