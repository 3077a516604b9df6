"""The tests of the extensions run on each version of PostgreSQL, where they need one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gearbridge.extension.cluster import TemporaryCluster
from tests.fixtures.postgres import NEWER, installation_of

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSIONS = ["system", *NEWER]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out gearmand on the newer versions: what it answers has nothing to do with the version of PostgreSQL."""
    left_out = [item for item in items if _is_of_both(getattr(item, "callspec", None))]
    config.hook.pytest_deselected(items=left_out)
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]


def _is_of_both(call: Any) -> bool:
    parameters = {} if call is None else call.params
    return parameters.get("postgres_cluster") in NEWER and "gearmand" in parameters.values()


@pytest.fixture(scope="session", params=VERSIONS)
def postgres_cluster(request: pytest.FixtureRequest) -> TemporaryCluster:
    """One of the clusters, which live as long as the tests; they leave them as they were."""
    cluster: TemporaryCluster = request.getfixturevalue(f"postgres_{request.param}")
    return cluster


@pytest.fixture(scope="module", params=VERSIONS)
def bare_cluster(request: pytest.FixtureRequest) -> Iterator[TemporaryCluster]:
    """A PostgreSQL of each version that has never heard of us."""
    with TemporaryCluster({"fsync": "off"}, installation_of(request.param)) as cluster:
        yield cluster
