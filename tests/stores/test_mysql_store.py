"""What is particular to the store in MySQL and MariaDB."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.engine import make_url

from gearbridge.errors import ConfigurationError, StoreUnavailable
from gearbridge.records import Put, StoredJob, Update
from gearbridge.stores.registry import store_for
from tests.fixtures.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.mariadb import MariaDB


@pytest.fixture
def url(mariadb: MariaDB) -> str:
    return mariadb.make_database()


@pytest.fixture
def read_only(mariadb: MariaDB) -> Iterator[None]:
    with mariadb.connect() as session, session.cursor() as cursor:
        cursor.execute("SET GLOBAL read_only = ON")
        yield
        cursor.execute("SET GLOBAL read_only = OFF")


def test_a_group_that_a_deadlock_undid_is_made_again(mariadb: MariaDB, url: str) -> None:
    store = store_for(url)
    store.open()
    store.apply([Put(StoredJob(b"H:a", b"f", b"")), Put(StoredJob(b"H:b", b"f", b""))])
    lost = "UPDATE gearbridge_job SET attempts = 7 WHERE handle = %s"
    with (
        ThreadPoolExecutor(1) as thread,
        mariadb.connect(make_url(url).database) as session,
        session.cursor() as cursor,
    ):
        cursor.execute("CREATE TABLE heavy (n INT)")
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO heavy SELECT seq FROM seq_1_to_1000")  # InnoDB undoes the one that has done less
        cursor.execute(lost, ("H:b",))
        applied = thread.submit(store.apply, [Update(b"H:a", 1), Update(b"H:b", 1)])
        waits = "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
        with mariadb.connect() as other, other.cursor() as look:
            wait_until(lambda: look.execute(waits) and look.fetchone() == (1,), what="the group to wait for a lock")
        cursor.execute(lost, ("H:a",))
        cursor.execute("COMMIT")
        applied.result(30)
    assert {job.handle: job.attempts for job in store.replay()} == {b"H:a": 1, b"H:b": 1}
    store.close()


def test_a_database_that_is_read_only_is_waited_for(url: str, request: pytest.FixtureRequest) -> None:
    store = store_for(url)
    store.open()
    request.getfixturevalue("read_only")
    with pytest.raises(StoreUnavailable, match="read-only"):
        store.apply([Put(StoredJob(b"H:a", b"f", b""))])
    store.close()


@pytest.mark.usefixtures("read_only")
def test_of_several_hosts_none_that_is_read_only_will_do(mariadb: MariaDB, url: str) -> None:
    here = f"127.0.0.1:{mariadb.port}"
    with pytest.raises(ConfigurationError, match=r"it is read-only.*it is read-only"):
        store_for(url.replace(here, f"{here},localhost:{mariadb.port}")).open()
