"""Views on PostgreSQL, changed one by one, so that grants and other people's views outlast it.

PostgreSQL replaces a view only by one that begins with the same columns. So the columns that a view
has go first, and new ones follow. Where one is gone, or has another type, the view is dropped and
made again, with those of ours that read it; grants, owner and options are carried over. Comments
are ours on each view and column. Where a view of somebody else reads it, it stays as it was.

Needs psycopg2, so import it only where the destination is PostgreSQL.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg2  # type: ignore[import-untyped]

from comms_source.destinations.postgres_locks import (
    first_line,
    hasty,
    is_lost,
    is_not_now,
    users_of,
)
from comms_source.errors import LoadFailed
from comms_source.views.postgres_grants import kept, revoking
from comms_source.views.statements import ViewStatements

MAX_API_WAIT: Final = 10.0
"""Seconds for which views that are in use are tried again; after that each is tried once."""

PAUSE: Final = 1.0
"""Seconds between two tries, in which readers get through."""

_COLUMNS: Final = """
    select relname, array_agg(attname::text order by attnum)
    from pg_class join pg_attribute on attrelid = pg_class.oid and attnum > 0
    where relkind = 'v' and relnamespace = to_regnamespace(quote_ident(%s))
    group by relname
"""

_READERS: Final = """
    select distinct read_in.nspname, read.relname, reader_in.nspname, reader.relname
    from pg_depend
    join pg_rewrite on pg_rewrite.oid = objid and classid = 'pg_rewrite'::regclass
    join pg_class reader on reader.oid = ev_class
    join pg_namespace reader_in on reader_in.oid = reader.relnamespace
    join pg_class read on read.oid = refobjid and refclassid = 'pg_class'::regclass
    join pg_namespace read_in on read_in.oid = read.relnamespace
    where read.relkind in ('v', 'm') and read.oid <> reader.oid
"""

Relation = tuple[str, str]
"""A schema, and the name of what is in it."""


@dataclass(frozen=True, slots=True)
class Remade:
    """What became of the views."""

    made: Collection[str]
    left: Mapping[str, str]
    """Those that stay as they were, and why."""
    behind: Collection[str]
    """Those that read one that stays, and stay too."""

    def __str__(self) -> str:
        """Which stay as they were, and what to do; empty if none does."""
        said = [f"{name} stays as it was: {why}" for name, why in self.left.items()]
        if self.behind:
            said.append(f"with it stay those that read it: {', '.join(self.behind)}")
        return "; ".join(said)


def remake(
    connection: Any,
    statements: Sequence[ViewStatements],
    *,
    dataset: str,
    made: Collection[str] = (),
) -> Remade:
    """Make the views, or make them again, but those that are `made`.

    Raises:
        LoadFailed: if the connection is lost.
    """
    work = _Work(connection, statements, dataset, done=set(made))
    for view in statements:
        if view.name not in work.done:
            work.remake(view)
    return Remade(work.done, work.left, work.behind)


@dataclass(frozen=True, slots=True)
class _Existing:
    """The views of the dataset as they are, and which views read which."""

    columns: Mapping[str, Sequence[str]]
    readers: Mapping[Relation, set[Relation]]

    def above(self, relations: Collection[Relation]) -> set[Relation]:
        """All that reads one of these, or reads what reads one."""
        found: set[Relation] = set()
        new = set(relations)
        while new:
            new = {reader for each in new for reader in self.readers.get(each, ())} - found
            found |= new
        return found


@dataclass(frozen=True, slots=True)
class _Unit:
    """Views that change in one transaction."""

    members: set[str]
    dropped: set[str]
    others: set[Relation]
    """Of somebody else, and in the way of what would be dropped."""


class _Reshaped(Exception):
    """PostgreSQL does not replace a view, whose columns have the same names."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(slots=True)
class _Work:
    """The views that are done so far, and those that cannot be."""

    connection: Any
    statements: Sequence[ViewStatements]
    dataset: str
    done: set[str]
    left: dict[str, str] = field(default_factory=dict)
    behind: list[str] = field(default_factory=list)
    reshaped: set[str] = field(default_factory=set)
    until: float = field(default_factory=lambda: time.monotonic() + MAX_API_WAIT)

    def remake(self, view: ViewStatements) -> None:
        """Make one view, with what has to change together with it."""
        try:
            while not (view.name in self.done or self._stays(view.name)):
                self._try(view)
        except psycopg2.Error as error:
            raise LoadFailed(
                f"PostgreSQL was lost while the views were made: {first_line(error)}"
            ) from None

    def _stays(self, name: str) -> bool:
        return name in self.left or name in self.behind

    def _try(self, view: ViewStatements) -> None:
        existing = self._existing()
        unit = self._unit(view.name, existing)
        try:
            if any(self._stays(read) for each in self._of(unit.members) for read in each.reads):
                self.behind.append(view.name)
            elif unit.others:
                self.left[view.name] = _in_the_way(unit.others)
            else:
                self._make(unit, existing)
                self.done |= unit.members
        except _Reshaped as reshaped:
            self.reshaped.add(reshaped.name)
        except psycopg2.Error as error:
            if is_lost(error):
                raise
            self._refused(view, unit, error)

    def _refused(self, view: ViewStatements, unit: _Unit, error: psycopg2.Error) -> None:
        if not is_not_now(error):
            self.left[view.name] = f"PostgreSQL refuses it ({_said(error)})"
        elif time.monotonic() < self.until:
            time.sleep(PAUSE)
        else:
            users = users_of(self.connection, dataset=self.dataset, relations=sorted(unit.members))
            self.left[view.name] = f"it is in use: {users}; run comms views when that is over"

    def _existing(self) -> _Existing:
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(_COLUMNS, (self.dataset,))
            columns = dict(cursor.fetchall())
            cursor.execute(_READERS)
            readers: dict[Relation, set[Relation]] = {}
            for schema, name, of_reader, reader in cursor.fetchall():
                readers.setdefault((schema, name), set()).add((of_reader, reader))
        return _Existing(columns, readers)

    def _unit(self, name: str, existing: _Existing) -> _Unit:
        """The view, those of ours above it if it is dropped, and what these need made before."""
        views = {view.name: view for view in self.statements}
        members, before = {name}, set[str]()
        dropped: set[str] = set()
        above: set[Relation] = set()
        while members != before:
            before = set(members)
            dropped |= {each for each in members if self._drops(views[each], existing)}
            above = existing.above([(self.dataset, each) for each in dropped])
            dropped |= {each for of, each in above if of == self.dataset and each in views}
            members |= dropped
            needed = {read for each in members for read in views[each].reads if read in views}
            members |= {read for read in needed - self.done if not self._stays(read)}
        ours = {(self.dataset, each) for each in views}
        return _Unit(members, dropped, above - ours)

    def _drops(self, view: ViewStatements, existing: _Existing) -> bool:
        has = existing.columns.get(view.name, ())
        return view.name in self.reshaped or not set(has) <= set(view.columns)

    def _of(self, names: Collection[str]) -> list[ViewStatements]:
        return [view for view in self.statements if view.name in names]

    def _make(self, unit: _Unit, existing: _Existing) -> None:
        members, dropped = self._of(unit.members), self._of(unit.dropped)
        with hasty(self.connection) as cursor:
            keeping = [
                statement
                for view in members
                if view.name in existing.columns
                for statement in kept(cursor, view, dropped=view.name in unit.dropped)
            ]
            if dropped:
                cursor.execute(f"drop view {', '.join(view.relation for view in dropped)}")
            for view in members:
                has = () if view.name in unit.dropped else existing.columns.get(view.name, ())
                _create(cursor, view, has=has)
            for statement in [*revoking(cursor, dropped), *keeping]:
                cursor.execute(statement)


def _in_the_way(others: Collection[Relation]) -> str:
    named = ", ".join(sorted(f"{schema}.{name}" for schema, name in others))
    return (
        f"PostgreSQL would drop {named} with it; drop {named}, run comms views, "
        f"and create {named} again"
    )


def _said(error: psycopg2.Error) -> str:
    """What PostgreSQL says; without its hint, which would be to drop all that is in the way."""
    said = (error.diag.message_primary or first_line(error), error.diag.message_detail)
    return "; ".join(line for line in said if line).replace("\n", "; ")


def _create(cursor: Any, view: ViewStatements, *, has: Sequence[str]) -> None:
    """Make a view, or replace the one that `has` such columns."""
    try:
        cursor.execute(_creation(view, has=has))
    except psycopg2.errors.InvalidTableDefinition:
        if has:
            raise _Reshaped(view.name) from None
        raise
    cursor.execute(";".join(view.comments))


def _creation(view: ViewStatements, *, has: Sequence[str]) -> str:
    if tuple(view.columns[: len(has)]) == tuple(has):
        return view.create
    order = [*has, *(column for column in view.columns if column not in has)]
    columns = ", ".join(f'"{column}"' for column in order)
    return f"create or replace view {view.relation} as select {columns} from ({view.query}) as v"  # noqa: S608 - what stands in our files
