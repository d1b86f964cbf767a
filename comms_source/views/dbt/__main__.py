"""`python -m comms_source.views.dbt`: write the generated files of the dbt package again."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Final

from comms_source.views.dbt.model_sql import model_sql
from comms_source.views.dbt.properties import (
    channels_file,
    dictionary_file,
    internal_file,
    tables_file,
    view_file,
)
from comms_source.views.files import public_views, read_views, sql_files

PACKAGE: Final = Path(__file__).parents[3] / "dbt"
"""The package in a checkout."""


@cache
def generated_files() -> dict[str, str]:
    """The generated files, by their paths in the package."""
    folders = {path.stem: path.parent.name for path in sql_files()}
    views, public = read_views(details=True), public_views(details=True)
    files = {
        "macros/channels.sql": channels_file(),
        "models/tables.yml": tables_file(),
        "models/columns.md": dictionary_file(),
    }
    for view in views:
        path = f"models/{folders[view.name]}/{view.name}"
        files[f"{path}.sql"] = model_sql(view, folder=folders[view.name])
        if view in public:
            files[f"{path}.yml"] = view_file(view)
    for folder in ("staging", "intermediate"):
        steps = [view for view in views if folders[view.name] == folder]
        files[f"models/{folder}/{folder}.yml"] = internal_file(steps)
    return files


def main(package: Path = PACKAGE) -> None:
    """Write them, and remove those of views that are gone."""
    files = generated_files()
    for found in package.glob("models/*/*.*"):
        if found.relative_to(package).as_posix() not in files:
            found.unlink()
    for name, text in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(files)} files in {package}\n")


if __name__ == "__main__":
    main()
