"""A load package of details that waits when a database is restored from a backup."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import Any
from unittest import mock

import dlt
import pytest

from comms_source.channels import CHANNELS
from comms_source.sandbox import Sandbox
from tests.simulation.dlt_machine import Death
from tests.support import FILE, load, stored, true

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
COPY = "copy.duckdb"


def test_a_pending_package_of_details_does_not_hide_that_operations_are_missing(
    sandbox: Sandbox,
) -> None:
    """The backup lacks a day of operations, which were loaded before the run died in details."""
    load(sandbox, details=("tags",))
    shutil.copy(FILE, COPY)
    sandbox.clock.advance(DAY)
    loads, loading = [], dlt.Pipeline.load

    def dying(pipeline: dlt.Pipeline, *given: Any, **named: Any) -> Any:
        loads.append(pipeline)
        if len(loads) > 1:
            raise Death
        return loading(pipeline, *given, **named)

    with mock.patch.object(dlt.Pipeline, "load", dying), pytest.raises(Death):
        load(sandbox, details=("tags",))
    shutil.move(COPY, FILE)

    load(sandbox, details=("tags",), refresh="adaptive")

    assert len(loads) == 2
    assert all(true(sandbox, name).items() <= stored(name).items() for name in CHANNELS)
