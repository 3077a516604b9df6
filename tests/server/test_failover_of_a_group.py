"""A group of MySQLs (Group Replication) whose primary dies under load: nothing lost, nothing done twice, no restart."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from .clusters import MySQLGroup
from .test_failover import test_a_failover_under_load_loses_nothing_and_needs_no_restart as _test_a_failover

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def cluster() -> Iterator[MySQLGroup]:
    with contextlib.ExitStack() as stack:
        yield MySQLGroup(stack)


def test_a_failover_under_load_loses_nothing_and_needs_no_restart(cluster: MySQLGroup, tmp_path: Path) -> None:
    _test_a_failover(cluster, tmp_path)
