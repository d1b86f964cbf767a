"""Views in Spark: each is created, read once, and replaced by a table with its rows.

Spark analyzes all views below a view again each time, as often as they occur there, and the lowest
occur thousands of times. So a view is created over tables with the rows of the views below it.
"""

from __future__ import annotations

import re
from typing import Final

from tests.spark.engine import Spark

_CREATE: Final = re.compile(r"CREATE OR REPLACE VIEW (?P<view>\S+) AS ")
_ROWS: Final = "_rows`"


class Views:
    """The views of a catalog."""

    def __init__(self, spark: Spark) -> None:
        self._spark = spark
        self.are_created = False
        """Whether views are created; else the statements are left out."""
        self.created: list[str] = []
        """The qualified names of the created views."""

    def create(self, statement: str) -> bool:
        """Create a view and fill the table; return whether the statement was one for a view."""
        found = _CREATE.match(statement)
        if found and self.are_created:
            self._create(found["view"], statement)
        return bool(found)

    def _create(self, view: str, statement: str) -> None:
        rows, in_catalog = view.removesuffix("`") + _ROWS, view.partition(".")[2]
        self._spark.execute(f"drop table if exists {view}")
        self._spark.execute(statement)
        self._spark.execute(f"create table {rows} using parquet as select * from {view}")
        self._spark.execute(f"drop view {view}")
        self._spark.execute(f"alter table {rows} rename to {in_catalog}")
        self.created.append(view)
