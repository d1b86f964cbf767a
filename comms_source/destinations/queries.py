"""Queries of tables that may not be there yet."""

from __future__ import annotations

from typing import Any

from dlt.destinations.exceptions import DatabaseUndefinedRelation


def ask(client: Any, query: str, *values: Any, **tables: str) -> list[Any]:
    """The rows of a query, or of a statement none; no rows if one of its tables does not exist.

    Args:
        client: dlt's SQL client of the destination, connected.
        query: The query, with `{name}` where a table belongs and `%s` where a value does.
        values: The values.
        tables: The tables by the names that the query gives them.

    Raises:
        DatabaseException: if the destination refuses the query.
    """
    names = {name: client.make_qualified_table_name(table) for name, table in tables.items()}
    try:
        return list(client.execute_sql(query.format(**names), *values) or [])
    except DatabaseUndefinedRelation:
        return []


def columns_of(client: Any, table: str) -> set[str]:
    """The names of a table's columns in lower case; none if it does not exist.

    Args:
        client: dlt's SQL client of the destination, connected.
        table: The name of the table.

    Raises:
        DatabaseException: if the destination refuses the query.
    """
    name = client.make_qualified_table_name(table)
    query = f"select * from {name} where 1 = 0"  # noqa: S608 - a name that is quoted
    try:
        with client.execute_query(query) as cursor:
            return {str(name).lower() for name in cursor.columns_schema}
    except DatabaseUndefinedRelation:
        return set()
