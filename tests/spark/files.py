"""What dlt has Databricks do with files: volumes that hold them, and tables that are filled."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

_VOLUME: Final = re.compile(r"\s*create volume if not exists", re.IGNORECASE)
_PUT: Final = re.compile(r"PUT '(?P<file>[^']+)' INTO '(?P<place>[^']+)' OVERWRITE")
_REMOVE: Final = re.compile(r"REMOVE '(?P<place>[^']+)'")
_COPY: Final = re.compile(
    r"COPY INTO (?P<table>\S+)\s+FROM '(?P<place>[^']+)'\s+FILEFORMAT = PARQUET\s*"
)


class Volumes:
    """The volumes of a catalog, as folders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def statement(self, sent: str) -> str | None:
        """What Spark is to execute for a statement; None if it was about files only."""
        if _VOLUME.match(sent):
            return None
        if put := _PUT.fullmatch(sent):
            target = self._path(put["place"])
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(put["file"], target)
            return None
        if removed := _REMOVE.fullmatch(sent):
            target = self._path(removed["place"])
            target.rmdir() if target.is_dir() else target.unlink()
            return None
        if copied := _COPY.fullmatch(sent):
            return self._insert(copied["table"], self._path(copied["place"]))
        return sent

    def _path(self, place: str) -> Path:
        return self._folder / place.lstrip("/")

    def _insert(self, table: str, folder: Path) -> str:
        """The rows of the files, by the names of their columns."""
        names = {
            f"`{name}`": None for file in folder.iterdir() for name in pq.read_schema(file).names
        }
        columns = ", ".join(names)
        return f"insert into {table} ({columns}) select {columns} from parquet.`{folder}`"
