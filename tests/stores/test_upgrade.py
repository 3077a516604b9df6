"""The job table of an earlier version is brought up to date at open, and its jobs stay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import inspect

from gearbridge.errors import ConfigurationError
from gearbridge.stores.jobtable import migrations as upgrade
from gearbridge.stores.jobtable.migrations import STEPS
from gearbridge.stores.jobtable.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

    from .place import Place

#: The tables as the first version made them, written down when it was the present one.
_VERSION_1 = Path(__file__).parent / "version1"


def make_version_1(place: Place) -> None:
    """The first version's tables, where it made them, with two jobs."""
    script = (_VERSION_1 / f"{place.dialect}.sql").read_text()
    name = "`function`" if place.dialect == "mysql" else "function"
    bytes_ = "CAST('{}' AS BLOB)" if place.dialect == "sqlite" else "'{}'"
    first, second = bytes_.format("first"), bytes_.format("second")
    script += f"INSERT INTO gearbridge_job (handle, {name}, unique_key, priority, payload, due, attempts, reducer) "
    script += f"VALUES ('H:a:2', 'f', 'u', 0, {first}, 5, 1, ''), ('H:a:1', 'g', '', 2, {second}, 0, 0, 'r')"
    place.run(*(part for part in script.split(";\n") if part.strip()))


def tables(connection: Connection, schema: str | None) -> object:
    """What can be told of the tables."""
    look = inspect(connection)
    return {
        name: (
            sorted((str(column["name"]), str(column)) for column in look.get_columns(name, schema)),
            sorted(_shown(index) for index in look.get_indexes(name, schema)),
            str(look.get_pk_constraint(name, schema)),
            sorted(str(constraint) for constraint in look.get_unique_constraints(name, schema)),
        )
        for name in ("gearbridge_job", "gearbridge_node", "gearbridge_limit", "gearbridge_schema")
        if look.has_table(name, schema)
    }


def options(connection: Connection) -> object:
    """PostgreSQL's storage parameters of the job table, autovacuum's among them."""
    if connection.dialect.name != "postgresql":
        return None
    return connection.exec_driver_sql("SELECT reloptions FROM pg_class WHERE relname = 'gearbridge_job'").scalar_one()


def _shown(index: Mapping[str, Any]) -> str:
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return str({**index, "dialect_options": options})


def test_version_1_is_brought_up_to_date_and_keeps_its_jobs(place: Place) -> None:
    make_version_1(place)
    for _ in range(2):  # the second time there is nothing to do
        store = place.store()
        store.open()
        jobs = list(store.replay())
        store.close()
        assert [(job.handle, job.function, job.payload, job.due, job.reducer) for job in jobs] == [
            (b"H:a:2", b"f", b"first", 5, b""),
            (b"H:a:1", b"g", b"second", 0, b"r"),
        ]


def test_an_upgraded_table_equals_a_fresh_one(place: Place, fresh_place: Place) -> None:
    make_version_1(place)
    found = []
    for one in (place, fresh_place):
        store = one.store()
        store.open()
        store.close()
        with one.connect() as connection:
            found.append((tables(connection, "gearbridge" if one.kind == "postgresql" else None), options(connection)))
    assert found[0] == found[1]


def test_an_upgrade_that_fails_changes_nothing_where_the_database_can(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_version_1(place)
    before = _found(place)

    def step(connection: Connection) -> None:
        STEPS[1](connection)
        raise ConfigurationError("the step failed")

    with monkeypatch.context() as patch:
        patch.setattr(upgrade, "STEPS", {1: step})
        with pytest.raises(ConfigurationError, match="the step failed"):
            place.store().open()
    if place.dialect != "mysql":  # it commits at every statement that changes a table
        assert _found(place) == before
    store = place.store()
    store.open()
    assert len(list(store.replay())) == 2
    store.close()


def test_steps_are_taken_one_after_the_other_and_each_is_recorded(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_version_1(place)
    taken: list[tuple[int, int]] = []

    def step(number: int) -> Callable[[Connection], None]:
        def take(connection: Connection) -> None:
            taken.append((number, connection.exec_driver_sql("SELECT version FROM gearbridge_schema").scalar_one()))
            if number in STEPS:
                STEPS[number](connection)

        return take

    monkeypatch.setattr(upgrade, "SCHEMA_VERSION", SCHEMA_VERSION + 2)
    monkeypatch.setattr(upgrade, "STEPS", {number: step(number) for number in range(1, SCHEMA_VERSION + 2)})
    for _ in range(2):  # the second time there is nothing to do
        store = place.store()
        store.open()
        store.close()
    assert taken == [(number, number) for number in range(1, SCHEMA_VERSION + 2)]


def _found(place: Place) -> object:
    with place.connect() as connection:
        version = connection.exec_driver_sql("SELECT version FROM gearbridge_schema").scalar()
        return version, tables(connection, "public" if place.kind == "postgresql" else None)


def test_an_upgrade_that_was_cut_short_is_finished_at_the_next_open(place: Place) -> None:
    make_version_1(place)
    # MySQL commits each statement, so its step may have come just so far.
    place.run("ALTER TABLE gearbridge_job ADD COLUMN state SMALLINT DEFAULT 0 NOT NULL")
    store = place.store()
    store.open()
    assert len(list(store.replay())) == 2
    store.close()
