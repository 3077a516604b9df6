"""Which table the InnoDB memcached plugin keeps its items in, and all that must be so before jobs are put there.

Each finding is a way to lose jobs, or the whole MySQL, that was seen on MySQL 5.6. It only reads, through SQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gearbridge.errors import ConfigurationError, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .session import SQLSession

#: The longest key that the plugin takes; where the column is shorter, keys are cut, and collide.
KEY_LENGTH = 250
#: A value larger than a tenth of the redo log aborts mysqld; a part of that is left for what else is in the row.
_REDO_PART = 11

_VARIABLES = (
    "daemon_memcached_w_batch_size",
    "innodb_api_enable_binlog",
    "innodb_flush_log_at_trx_commit",
    "innodb_log_file_size",
    "innodb_log_files_in_group",
    "innodb_redo_log_capacity",
    "log_bin",
    "read_only",
)
SETTINGS = f"SHOW GLOBAL VARIABLES WHERE Variable_name IN {_VARIABLES}"
CONTAINERS = (
    "SELECT name, db_schema, db_table, key_columns, value_columns, flags, cas_column, expire_time_column, "
    "unique_idx_name_on_key FROM innodb_memcache.containers"
)
_COLUMNS = (
    "SELECT column_name, data_type, character_maximum_length, collation_name, is_nullable "
    "FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
)
_ENGINE = "SELECT engine FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
_INDEX = (
    "SELECT column_name, non_unique, sub_part FROM information_schema.statistics "
    "WHERE table_schema = %s AND table_name = %s AND index_name = %s"
)
_HOW = "; `gearbridge db script --innodb-memcached` prints a table that will do"


class Container(NamedTuple):
    """A table, and the columns of it that items are kept in; `expire` is empty where there is none."""

    schema: str
    table: str
    key: str
    value: str
    flags: str
    cas: str
    expire: str
    unique_index: str

    @property
    def mapped(self) -> set[str]:
        """The columns that memcached writes."""
        return {self.key, self.value, self.flags, self.cas, self.expire}


def settings_of(session: SQLSession) -> Mapping[str, str]:
    """The settings that matter here, as far as this MySQL has them. ConfigurationError where the plugin is missing."""
    found = {str(name).lower(): str(value) for name, value in session.ask(SETTINGS)}
    if "daemon_memcached_w_batch_size" not in found:
        raise ConfigurationError(
            "the plugin daemon_memcached is not active in this MySQL: "
            "INSTALL PLUGIN daemon_memcached SONAME 'libmemcached.so'"
        )
    return found


def demand_writable(settings: Mapping[str, str]) -> None:
    """Raise ConfigurationError where nothing should be written.

    With more than one write in each of the plugin's batches acknowledged jobs are lost. And the plugin does not look at
    read_only, by which an administrator forbids all writes: to a replica, for example.
    """
    size = settings["daemon_memcached_w_batch_size"]
    if size != "1":
        raise ConfigurationError(
            f"daemon_memcached_w_batch_size is {size}, so a crash loses acknowledged jobs: "
            "set it to 1 in my.cnf and start MySQL again"
        )
    if settings.get("read_only", "OFF") != "OFF":
        raise ConfigurationError("this MySQL is read-only (read_only is ON), though its plugin would write")


def value_room(settings: Mapping[str, str]) -> int | None:
    """Return the largest value in bytes that does not abort this mysqld; None where it is unknown."""
    redo = int(settings.get("innodb_redo_log_capacity", 0))
    files = int(settings.get("innodb_log_file_size", 0)) * int(settings.get("innodb_log_files_in_group", 1))
    # MySQL 8.0.30 and later go by the capacity, unless the older settings were given; the smaller one is safe.
    sizes = [size for size in (redo, files) if size]
    return min(sizes) // _REDO_PART if sizes else None


def find_container(session: SQLSession) -> Container:
    """The plugin's default container. Raises ConfigurationError where there is none that can be used."""
    try:
        rows = session.ask(CONTAINERS)
    except StoreUnavailable:
        raise
    except StoreError as error:
        raise ConfigurationError(
            f"innodb_memcache.containers cannot be read ({error}): run MySQL's innodb_memcached_config.sql, "
            "and grant SELECT on innodb_memcache.* to this user"
        ) from error
    for name, *columns in rows:
        if name == "default":
            container = Container(*(_column(column) for column in columns))
            problems = _problems(session, container)
            if problems:
                raise ConfigurationError(f"{container.schema}.{container.table}: {'; '.join(problems)}{_HOW}")
            return container
    # Another one could be chosen by `get @@NAME`; but `delete` does not heed that.
    raise ConfigurationError(
        "innodb_memcache.containers has no row named 'default', and the plugin deletes from no other container" + _HOW
    )


def _column(name: object) -> str:
    return "" if name in {None, "0"} else str(name)


def _problems(session: SQLSession, container: Container) -> list[str]:
    found = session.ask(_COLUMNS, container.schema, container.table)
    if not found:
        return ["the table is not there, or this user has no right SELECT on it"]
    columns = {str(name): rest for name, *rest in found}
    missing = sorted(container.mapped - columns.keys() - {""})
    if missing:
        return [f"it has no column {name}, which the container's row names" for name in missing]
    problems = []
    ((engine,),) = session.ask(_ENGINE, container.schema, container.table)
    if str(engine).lower() != "innodb":
        problems.append(f"its engine is {engine}, it must be InnoDB")
    index = session.ask(_INDEX, container.schema, container.table, container.unique_index)
    if [(str(name), int(non_unique), part) for name, non_unique, part in index] != [(container.key, 0, None)]:
        problems.append(f"its index {container.unique_index} is not a unique one on {container.key} alone")
    _, length, collation, _ = columns[container.key]
    if length is None or int(length) < KEY_LENGTH:
        problems.append(f"column {container.key} must be a VARCHAR({KEY_LENGTH}): longer keys are cut, and collide")
    if not str(collation).endswith("_bin"):
        problems.append(f"the collation of column {container.key} is {collation}, it must be latin1_bin: keys collide")
    kind = columns[container.value][0]
    if str(kind).lower() != "longblob":
        problems.append(f"column {container.value} is a {kind}, it must be a LONGBLOB: a long value aborts MySQL")
    problems.extend(
        f"column {name} must be nullable: the plugin writes NULL into columns that the container's row does not name"
        for name, (*_, nullable) in columns.items()
        if name not in container.mapped and str(nullable).upper() != "YES"
    )
    return problems
