"""Who may do what with a view on PostgreSQL, as statements that say it again for a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from comms_source.views.statements import ViewStatements

_GRANTEE: Final = "case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end"
_ANOTHER: Final = "case when is_grantable then ' with grant option' else '' end"

_OPTIONS: Final = """
    select format('alter view %%s set (%%s)', oid::regclass, array_to_string(reloptions, ', '))
    from pg_class where oid = %s::regclass and reloptions is not null
"""

_GRANTS: Final = f"""
    select format('grant %%s on %%s to %%s%%s', privilege_type, oid::regclass, {_GRANTEE}, {_ANOTHER})
    from pg_class, aclexplode(relacl) where oid = %s::regclass and grantee <> relowner
"""  # noqa: S608, E501 - only what stands here

_COLUMN_GRANTS: Final = f"""
    select format('grant %%s (%%I) on %%s to %%s%%s',
                  privilege_type, attname, attrelid::regclass, {_GRANTEE}, {_ANOTHER})
    from pg_attribute, aclexplode(attacl)
    where attrelid = %s::regclass and attnum > 0 and attname = any(%s)
"""  # noqa: S608 - only what stands here

# Last, since an owner's grants go along with a change of the owner.
_OWNER: Final = """
    select format('alter view %%s owner to %%I', oid::regclass, pg_get_userbyid(relowner))
    from pg_class where oid = %s::regclass and pg_get_userbyid(relowner) <> current_user
"""

_REVOKING: Final = f"""
    select distinct format('revoke all on %%s from %%s', oid::regclass, {_GRANTEE})
    from pg_class, aclexplode(relacl) where oid = %s::regclass and grantee <> relowner
"""  # noqa: S608 - only what stands here


def kept(cursor: Any, view: ViewStatements, *, dropped: bool) -> list[str]:
    """What gives a view that is made again the options that it has now.

    Where it is `dropped`, also its grants, those of the columns that stay, and its owner.
    """
    relation = (view.relation,)
    said = _said(cursor, _OPTIONS, relation)
    if dropped:
        said += _said(cursor, _GRANTS, relation)
        said += _said(cursor, _COLUMN_GRANTS, (view.relation, list(view.columns)))
        said += _said(cursor, _OWNER, relation)
    return said


def revoking(cursor: Any, views: Sequence[ViewStatements]) -> list[str]:
    """What takes away the grants that new views get by default."""
    return [statement for view in views for statement in _said(cursor, _REVOKING, (view.relation,))]


def _said(cursor: Any, query: str, values: tuple[Any, ...]) -> list[str]:
    cursor.execute(query, values)
    return [statement for (statement,) in cursor.fetchall()]
