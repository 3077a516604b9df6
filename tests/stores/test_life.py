"""The life of a database: the same over restarts, another one in each copy and after each restore."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, cast

import pytest

from gearbridge.extension.cluster import TemporaryCluster
from gearbridge.extension.mysql import install_mysql
from gearbridge.stores.registry import store_for
from tests.fixtures.mysql import SERVERS
from tests.fixtures.postgres import dump, make_database, restore
from tests.fixtures.processes import wait_until

from .place import Place

if TYPE_CHECKING:
    from pathlib import Path

    from gearbridge.stores.interface import ClaimableStore
    from tests.fixtures.mariadb import MariaDB
    from tests.fixtures.postgres import Database


def life(url: str) -> bytes:
    store = cast("ClaimableStore", store_for(url))
    store.open()
    try:
        found = store.life()
        assert store.life() == found
    finally:
        store.close()
    assert len(found) == 16
    assert int(found, 16)
    return found


def extended(cluster: TemporaryCluster) -> Database:
    """A database with the extension."""
    database = make_database(cluster)
    with database.connect() as session:
        session.execute("CREATE EXTENSION gearbridge")
    return database


@pytest.mark.parametrize("place", ["sqlite", "postgresql", *SERVERS, "plain"], indirect=True)
def test_it_is_the_same_whoever_opens_the_table_and_drawn_anew_where_the_system_is_another(place: Place) -> None:
    def opened() -> bytes:
        store = cast("ClaimableStore", place.store())
        store.open()
        found = store.life()
        store.close()
        return found

    first = opened()
    assert opened() == first
    place.run("UPDATE gearbridge_schema SET life_of = 'another system'")
    second = opened()
    assert second != first
    assert opened() == second
    place.run("UPDATE gearbridge_schema SET life = NULL")  # how an operator says that it is a copy
    assert opened() not in {first, second}


def test_two_databases_of_one_template_have_different_ones(postgres_cluster: TemporaryCluster) -> None:
    template = extended(postgres_cluster)
    first = life(template.url)
    copies = [make_database(postgres_cluster, f"TEMPLATE {template.name}") for _ in range(2)]
    assert len({first, *(life(copy.url) for copy in copies)}) == 3
    assert life(template.url) == first


@pytest.mark.parametrize("extension", [True, False])
def test_a_restored_dump_has_another_one(postgres_cluster: TemporaryCluster, extension: bool) -> None:
    database = extended(postgres_cluster) if extension else make_database(postgres_cluster)
    first = life(database.url)
    script = dump(database, "--clean", "--if-exists")
    elsewhere = make_database(postgres_cluster)
    restore(elsewhere, script)
    assert life(elsewhere.url) != first
    restore(database, script)  # over the database itself
    second = life(database.url)
    assert second != first
    rows = dump(database, "--data-only", "--table=gearbridge.*")
    tables = "gearbridge.gearbridge_job, gearbridge.gearbridge_schema, gearbridge.gearbridge_limit"
    restore(database, f"TRUNCATE {tables}, gearbridge.gearbridge_node;".encode() + rows)
    with database.connect() as session:
        session.execute(
            "INSERT INTO gearbridge.gearbridge_schema (version) SELECT 3 WHERE NOT EXISTS "
            "(SELECT FROM gearbridge.gearbridge_schema)"
        )
    assert life(database.url) not in {first, second}


def test_an_open_store_sees_that_the_database_was_replaced(postgres_cluster: TemporaryCluster) -> None:
    database = make_database(postgres_cluster)
    store = cast("ClaimableStore", store_for(database.url))
    store.open()
    first = store.life()
    restore(database, dump(database, "--clean"))
    assert store.life() != first
    store.close()


def test_a_role_that_may_not_ask_for_the_cluster_has_one(postgres_cluster: TemporaryCluster) -> None:
    database = make_database(postgres_cluster)
    first = life(database.url)
    with database.connect() as session:
        session.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        session.execute("CREATE ROLE life_owner LOGIN PASSWORD 'x'")
        session.execute(f"GRANT CREATE ON DATABASE {database.name} TO life_owner".encode())
        for name in ("job", "node", "limit", "schema"):
            session.execute(f"ALTER TABLE gearbridge.gearbridge_{name} OWNER TO life_owner".encode())
        session.execute("ALTER SCHEMA gearbridge OWNER TO life_owner")
    place = database.url.partition("@")[2]
    assert life(f"postgresql://life_owner:x@{place}") != first


def test_a_restart_of_the_database_leaves_it_as_it_is() -> None:
    with TemporaryCluster({"fsync": "off"}) as cluster:
        url = make_database(cluster).url
        first = life(url)
        cluster.restart()
        assert life(url) == first


def test_a_copy_of_a_file_has_another_one(tmp_path: Path) -> None:
    first = life(f"sqlite:///{tmp_path}/jobs.db")
    shutil.copy(tmp_path / "jobs.db", tmp_path / "copy.db")
    assert life(f"sqlite:///{tmp_path}/copy.db") != first
    assert life(f"sqlite:///{tmp_path}/jobs.db") == first
    (tmp_path / "jobs.db").rename(tmp_path / "away.db")
    shutil.copy(tmp_path / "away.db", tmp_path / "jobs.db")
    assert life(f"sqlite:///{tmp_path}/jobs.db") != first


def test_a_table_of_mariadb_that_was_made_anew_has_another_one(mariadb: MariaDB) -> None:
    url = mariadb.make_database()
    install_mysql(url)
    first = life(url)
    place = Place("mariadb", url)
    with place.connect() as connection:
        row = connection.exec_driver_sql("SELECT life, life_of FROM gearbridge_schema").one()
        made = (
            "SELECT create_time FROM information_schema.tables WHERE table_name = 'gearbridge_job' AND table_schema = "
        )
        before = connection.exec_driver_sql(f"{made} DATABASE()").scalar()

    def made_anew() -> bool:
        place.run("DROP TABLE gearbridge_job", "DROP TABLE gearbridge_schema")
        install_mysql(url)
        with place.connect() as connection:
            return bool(connection.exec_driver_sql(f"{made} DATABASE()").scalar() != before)

    wait_until(made_anew, what="another second")
    place.run(f"UPDATE gearbridge_schema SET life = '{row.life}', life_of = '{row.life_of}'")
    assert life(url) != first
