"""`comms views`: create the views over tables that exist."""

from __future__ import annotations

import dlt

from comms_source.destinations.dlt_errors import patient
from comms_source.destinations.locks import in_turn
from comms_source.destinations.pipeline import place, reach
from comms_source.errors import (
    LoadFailed,
)
from comms_source.views.create import create_views, refresh_views
from comms_source.views.settings import ViewSettings, view_settings


def run_views(pipeline: dlt.Pipeline, *, anew: bool = True) -> list[str]:
    """Make the views over tables that are there.

    Args:
        pipeline: The pipeline whose dataset they belong to.
        anew: Whether to make them even where nothing has changed.

    Raises:
        RunStopped: if there are no tables yet, or the destination cannot be reached.
    """
    if not reach(pipeline):
        raise LoadFailed(
            f"{place(pipeline)} has no tables in {pipeline.dataset_name} yet; "
            "run comms load first, it makes the views too"
        )
    return _views(pipeline, view_settings(), anew=anew)


def _views(pipeline: dlt.Pipeline, told: ViewSettings, *, anew: bool = False) -> list[str]:
    with in_turn(pipeline):
        return patient(create_views if anew else refresh_views)(pipeline, settings=told)
