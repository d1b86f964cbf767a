"""Whether a pipeline loads into PostgreSQL. Does not need psycopg2."""

from __future__ import annotations

import dlt

POSTGRES = "dlt.destinations.postgres"


def postgres_credentials(pipeline: dlt.Pipeline) -> str | None:
    """The URL of the PostgreSQL database that a pipeline loads into; None for other destinations.

    Raises:
        ConfigurationException: dlt's error if a setting is missing.
    """
    if pipeline.destination.destination_type != POSTGRES:
        return None
    url: str = pipeline.sql_client().credentials.to_native_representation()
    return url
