"""Nodes on one job table in PostgreSQL: what only its log shows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import pytest

from gearbridge.errors import StoreFenced
from gearbridge.records import Drop

from .sharing import SHORT, beats_until_alone, nodes, spilled
from .test_claims import MANY

if TYPE_CHECKING:
    from gearbridge.extension.cluster import TemporaryCluster
    from gearbridge.records import Operation
    from gearbridge.stores.interface import SinglePutStore

    from .place import Place


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_node_whose_lease_is_over_leaves_no_error_in_the_log(
    place: Place, postgres_cluster: TemporaryCluster
) -> None:
    def errors() -> int:
        return postgres_cluster.log.read_text(encoding="utf-8", errors="replace").count("ERROR:")

    with nodes(place, "alive") as (alive,), nodes(place, "dead", lease=SHORT) as (dead,):
        dead.apply([spilled("H:1")])
        assert beats_until_alone(alive) == ["dead"]
        time.sleep(SHORT)  # the dead one's clock began later than the lease
        before = errors()
        groups: list[list[Operation]] = [[Drop(b"H:1")], [spilled("H:2")], [spilled("H:3", b"k"), Drop(b"H:1")]]
        for group in groups:
            with pytest.raises(StoreFenced):
                dead.apply(group)
        with pytest.raises(StoreFenced):
            dead.claim({b"f": MANY})
        assert cast("SinglePutStore", dead).begin_put(spilled("H:2")) is None
        assert errors() == before
