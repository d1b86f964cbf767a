"""The privileges of a view on PostgreSQL, as statements that restore them on a new view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from comms_source.views.statements import ViewStatements

_GRANTEE: Final = "case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end"
_GRANT_OPTION: Final = "case when is_grantable then ' with grant option' else '' end"

_OPTIONS: Final = """
    select format('alter view %%s set (%%s)', oid::regclass, array_to_string(reloptions, ', '))
    from pg_class where oid = %(relation)s::regclass and reloptions is not null
"""

_GRANTS: Final = f"""
    select format('grant %%s on %%s to %%s%%s',
                  privilege_type, oid::regclass, {_GRANTEE}, {_GRANT_OPTION})
    from pg_class, aclexplode(relacl) where oid = %(relation)s::regclass and grantee <> relowner
"""  # noqa: S608 - constants of this module

_COLUMN_GRANTS: Final = f"""
    select format('grant %%s (%%I) on %%s to %%s%%s',
                  privilege_type, attname, attrelid::regclass, {_GRANTEE}, {_GRANT_OPTION})
    from pg_attribute, aclexplode(attacl)
    where attrelid = %(relation)s::regclass and attnum > 0 and attname = any(%(columns)s)
"""  # noqa: S608 - constants of this module

# Last, because a change of the owner also moves the owner's grants.
_OWNER: Final = """
    select format('alter view %%s owner to %%I', oid::regclass, pg_get_userbyid(relowner))
    from pg_class where oid = %(relation)s::regclass and pg_get_userbyid(relowner) <> current_user
"""

_REVOKE: Final = f"""
    select distinct format('revoke all on %%s from %%s', oid::regclass, {_GRANTEE})
    from pg_class, aclexplode(relacl) where oid = %(relation)s::regclass and grantee <> relowner
"""  # noqa: S608 - constants of this module


def restore_statements(cursor: Any, view: ViewStatements, *, dropped: bool) -> list[str]:
    """Statements that restore the present options of a view after it is created again.

    If it is `dropped`, also its grants, the grants on remaining columns, and its owner.
    """
    queries = (_OPTIONS, _GRANTS, _COLUMN_GRANTS, _OWNER) if dropped else (_OPTIONS,)
    return [statement for query in queries for statement in _statements(cursor, query, view)]


def revoke_statements(cursor: Any, views: Sequence[ViewStatements]) -> list[str]:
    """Statements that revoke the default grants of new views."""
    return [statement for view in views for statement in _statements(cursor, _REVOKE, view)]


def _statements(cursor: Any, query: str, view: ViewStatements) -> list[str]:
    cursor.execute(query, {"relation": view.relation, "columns": list(view.columns)})
    return [statement for (statement,) in cursor.fetchall()]
