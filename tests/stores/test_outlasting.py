"""A database that goes away while a server starts, and is back: the server waits for it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from gearbridge.records import Put, StoredJob
from gearbridge.stores.jobtable import migrations as upgrade

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from .place import Place

pytestmark = pytest.mark.parametrize("place", ["postgresql", "mariadb", "mysql"], indirect=True)


def end_session(place: Place, connection: Connection) -> None:
    raw: Any = connection.connection.dbapi_connection
    if place.dialect == "postgresql":
        place.run(f"SELECT pg_terminate_backend({raw.info.backend_pid}, 10000)")
    else:
        place.run(f"KILL {raw.thread_id()}")


def test_a_session_that_ends_while_the_store_opens_or_is_read_is_made_anew(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[bool] = []
    create_or_upgrade = upgrade.create_or_upgrade

    def ending(connection: Connection) -> None:
        if not ended:
            ended.append(True)
            end_session(place, connection)
        create_or_upgrade(connection)

    monkeypatch.setattr("gearbridge.stores.jobtable.store.create_or_upgrade", ending)
    store = place.store()
    with contextlib.closing(store):
        store.open()
        assert ended
        store.apply([Put(StoredJob(b"H:%d" % number, b"f", b"")) for number in range(2)])
        end_session(place, store._connected())  # type: ignore[attr-defined]
        assert [job.handle for job in store.replay()] == [b"H:0", b"H:1"]
        end_session(place, store._connected())  # type: ignore[attr-defined]
        assert store.backlog() == []  # type: ignore[attr-defined]
