"""`comms init`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from comms_source.cli.error_handling import ending
from comms_source.words import counted

NEXT = """
What to do next:
  export TWILIO_ACCOUNT_SID=AC... TWILIO_AUTH_TOKEN=...
  (or TWILIO_API_KEY=SK... TWILIO_API_KEY_SECRET=...)
  comms check     checks credentials, channels, clock and destination
  comms load      loads into twilio_comms.duckdb, or as .dlt/config.toml says
To load every 15 minutes, add crontab.example to your crontab (crontab -e). cron
does not see exported variables: copy .dlt/example.secrets.toml to
.dlt/secrets.toml, and fill in credentials.
To schedule with Airflow instead, use the files in dags/. alerts.rules.yml is
for Prometheus, and for the metrics of comms status --openmetrics."""
NEXT_WITH_DBT = """
After a load, run dbt in the folder dbt/: dbt source freshness, then dbt build.
It needs dbt-core with dbt-duckdb or dbt-postgres. To use the folder as a package
of your own dbt project, see dbt/README.md."""


def init(
    dbt: Annotated[
        bool, typer.Option("--dbt", help="Also write a dbt package into the folder dbt.")
    ] = False,
) -> None:
    """Write a project's files into this folder, and overwrite none.

    They are settings, a crontab, alert rules for Prometheus, DAGs for Airflow and, on request, a
    dbt package. Running it again is harmless.
    """
    with ending():
        from comms_source.commands.init import write_project  # noqa: PLC0415 - as all commands do

        package: Counter[bool] = Counter()
        for file in write_project(Path.cwd(), dbt=dbt):
            if file.path.startswith("dbt/"):
                package[file.is_new] += 1
            else:
                typer.echo(f"{_became(is_new=file.is_new)}  {file.path}")
        for is_new, files in package.items():
            typer.echo(f"{_became(is_new=is_new)}  dbt/ ({counted(files, 'file')})")
        typer.echo(NEXT + NEXT_WITH_DBT if dbt else NEXT)


def _became(*, is_new: bool) -> str:
    return "wrote" if is_new else "kept "
