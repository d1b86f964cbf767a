"""Replace the views on PostgreSQL one by one, and keep grants and the views of other users.

PostgreSQL replaces a view only by one that begins with the same columns. So the existing columns of
a view go first, and new ones follow. If a column is gone or has another type, the view is dropped
and created again, together with our views that read it; grants, owner and options are restored.
Every view and column gets our comment. If a view of another user reads it, it stays as it was.

This module needs psycopg2. Import it only where the destination is PostgreSQL.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg2  # type: ignore[import-untyped]

from comms_source.destinations.postgres_locks import (
    first_line,
    is_connection_lost,
    is_lock_conflict,
    short_lock_timeout,
    users_of,
)
from comms_source.errors import LoadFailed
from comms_source.views.postgres_grants import restore_statements, revoke_statements
from comms_source.views.statements import ViewStatements

MAX_VIEW_WAIT: Final = 10.0
"""Seconds during which views in use are tried again; after that each view is tried once."""

PAUSE: Final = 1.0
"""Seconds between two attempts, in which readers get through."""

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
"""A schema and the name of a relation."""


def replace_views(
    connection: Any,
    statements: Sequence[ViewStatements],
    *,
    dataset: str,
    current: Collection[str] = (),
) -> Replacement:
    """Create or replace all views that are not `current`.

    Raises:
        LoadFailed: if the connection is lost.
    """
    replacement = Replacement(connection, statements, dataset, done=set(current))
    for view in statements:
        replacement.replace(view)
    return replacement


@dataclass(frozen=True, slots=True)
class _Existing:
    """The existing views of the dataset with their columns, and which views read which."""

    columns: Mapping[str, Sequence[str]]
    readers: Mapping[Relation, set[Relation]]

    def above(self, relations: Collection[Relation]) -> set[Relation]:
        """All views that read one of these, directly or indirectly."""
        found: set[Relation] = set()
        new = set(relations)
        while new:
            new = {reader for each in new for reader in self.readers.get(each, ())} - found
            found |= new
        return found


@dataclass(frozen=True, slots=True)
class _Unit:
    """Views that are replaced in one transaction."""

    members: set[str]
    dropped: set[str]
    others: set[Relation]
    """Views of other users that read a view that would be dropped."""


class _TypesChanged(Exception):
    """PostgreSQL cannot replace the view of this name, although its columns have the same names."""


@dataclass(slots=True)
class Replacement:
    """The views that are done so far, and the ones that cannot be replaced."""

    connection: Any
    statements: Sequence[ViewStatements]
    dataset: str
    done: set[str]
    unchanged: dict[str, str] = field(default_factory=dict)
    """The views that stay as they were, and why."""
    dependent: list[str] = field(default_factory=list)
    """The views that stay as they were because they read one of these."""
    types_changed: set[str] = field(default_factory=set)
    until: float = field(default_factory=lambda: time.monotonic() + MAX_VIEW_WAIT)

    def __str__(self) -> str:
        """Which views stay as they were, and what to do; empty if there are none."""
        parts = [f"{name} stays as it was: {why}" for name, why in self.unchanged.items()]
        if self.dependent:
            parts.append(f"with it stay those that read it: {', '.join(self.dependent)}")
        return "; ".join(parts)

    def replace(self, view: ViewStatements) -> None:
        """Replace one view, together with the views that depend on the change."""
        try:
            while not (view.name in self.done or self._stays(view.name)):
                self._try(view)
        except psycopg2.Error as error:
            raise LoadFailed(
                f"PostgreSQL was lost while the views were made: {first_line(error)}"
            ) from None

    def _stays(self, name: str) -> bool:
        return name in self.unchanged or name in self.dependent

    def _try(self, view: ViewStatements) -> None:
        existing = self._existing()
        unit = self._unit(view.name, existing)
        try:
            if any(self._stays(read) for each in self._of(unit.members) for read in each.reads):
                self.dependent.append(view.name)
            elif unit.others:
                self.unchanged[view.name] = _blocked_by(unit.others)
            else:
                self._replace(unit, existing)
                self.done |= unit.members
        except _TypesChanged as changed:
            self.types_changed.update(changed.args)
        except psycopg2.Error as error:
            if is_connection_lost(error):
                raise
            self._refused(view, unit, error)

    def _refused(self, view: ViewStatements, unit: _Unit, error: psycopg2.Error) -> None:
        if not is_lock_conflict(error):
            self.unchanged[view.name] = f"PostgreSQL refuses it ({_message(error)})"
        elif time.monotonic() < self.until:
            time.sleep(PAUSE)
        else:
            users = users_of(self.connection, dataset=self.dataset, relations=sorted(unit.members))
            self.unchanged[view.name] = f"it is in use: {users}; run comms views when that is over"

    def _existing(self) -> _Existing:
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(_COLUMNS, (self.dataset,))
            columns = dict(cursor.fetchall())
            cursor.execute(_READERS)
            readers: dict[Relation, set[Relation]] = {}
            for schema, name, reader_schema, reader in cursor.fetchall():
                readers.setdefault((schema, name), set()).add((reader_schema, reader))
        return _Existing(columns, readers)

    def _unit(self, name: str, existing: _Existing) -> _Unit:
        """The view, our views that read it if it is dropped, and the views that these read."""
        views = {view.name: view for view in self.statements}
        members, before = {name}, set[str]()
        dropped: set[str] = set()
        above: set[Relation] = set()
        while members != before:
            before = set(members)
            dropped |= {
                each
                for each in members
                if each in self.types_changed
                or not set(existing.columns.get(each, ())) <= set(views[each].columns)
            }
            above = existing.above([(self.dataset, each) for each in dropped])
            dropped |= {each for schema, each in above if schema == self.dataset and each in views}
            members |= dropped
            needed = {read for each in members for read in views[each].reads if read in views}
            members |= {read for read in needed - self.done if not self._stays(read)}
        ours = {(self.dataset, each) for each in views}
        return _Unit(members, dropped, above - ours)

    def _of(self, names: Collection[str]) -> list[ViewStatements]:
        return [view for view in self.statements if view.name in names]

    def _replace(self, unit: _Unit, existing: _Existing) -> None:
        members, dropped = self._of(unit.members), self._of(unit.dropped)
        with short_lock_timeout(self.connection) as cursor:
            restores = [
                statement
                for view in members
                if view.name in existing.columns
                for statement in restore_statements(cursor, view, dropped=view.name in unit.dropped)
            ]
            if dropped:
                cursor.execute(f"drop view {', '.join(view.relation for view in dropped)}")
            for view in members:
                has = () if view.name in unit.dropped else existing.columns.get(view.name, ())
                _create(cursor, view, has=has)
            for statement in [*revoke_statements(cursor, dropped), *restores]:
                cursor.execute(statement)


def _blocked_by(others: Collection[Relation]) -> str:
    named = ", ".join(sorted(f"{schema}.{name}" for schema, name in others))
    return (
        f"PostgreSQL would drop {named} with it; drop {named}, run comms views, "
        f"and create {named} again"
    )


def _message(error: psycopg2.Error) -> str:
    """PostgreSQL's message, without its hint, which would be to drop the dependent views."""
    lines = (error.diag.message_primary or first_line(error), error.diag.message_detail)
    return "; ".join(line for line in lines if line).replace("\n", "; ")


def _create(cursor: Any, view: ViewStatements, *, has: Sequence[str]) -> None:
    """Create a view, or replace the existing one, which `has` these columns; they stay first."""
    order = [*has, *(column for column in view.columns if column not in has)]
    columns = ", ".join(f'"{column}"' for column in order)
    ordered = f"create or replace view {view.relation} as select {columns} from ({view.query}) as v"  # noqa: S608 - the text of our files
    try:
        cursor.execute(view.create if order == list(view.columns) else ordered)
    except psycopg2.errors.InvalidTableDefinition:
        if has:
            raise _TypesChanged(view.name) from None
        raise
    cursor.execute(";".join(view.comments))
