"""Whether the job table in a MySQL or MariaDB is what gearbridge makes: plain tables with its columns, no triggers.

A trigger runs there with the rights of who made it, and cannot take the server's; but it can lose or change jobs. This
user sees triggers only where it has the right TRIGGER on the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from gearbridge.errors import ConfigurationError

from ..jobtable.schema import job, metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection

_NAMES = ", ".join(f"'{name}'" for name in metadata.tables)
_NO_TABLE = text(
    "SELECT table_name, 'is no plain table' FROM information_schema.tables "
    f"WHERE table_schema = DATABASE() AND table_name IN ({_NAMES}) AND table_type <> 'BASE TABLE'"
)
_TRIGGER = text(
    "SELECT event_object_table, CONCAT('has the trigger ', trigger_name) FROM information_schema.triggers "
    f"WHERE event_object_schema = DATABASE() AND event_object_table IN ({_NAMES})"
)
_COLUMNS = text(
    "SELECT table_name, column_name FROM information_schema.columns "
    f"WHERE table_schema = DATABASE() AND table_name IN ({_NAMES})"
)
#: Columns that only MySQL has, for its indexes.
_SLOTS = {(job.name, "function_slot"), (job.name, "unique_slot")}
_OURS = {(table.name, column.name) for table in metadata.tables.values() for column in table.columns}


def demand_tables(connection: Connection) -> None:
    """Raise ConfigurationError where something else has the name of a table of ours, or a trigger is on one."""
    for question in (_NO_TABLE, _TRIGGER):
        found = connection.execute(question).first()
        if found is not None:
            raise ConfigurationError(f"{found[0]} {found[1]}, which is not gearbridge's; look at it, and drop it")


def demand_columns(connection: Connection) -> None:
    """Raise ConfigurationError where the tables have other columns than ours; they are of the present version."""
    found = {(table, column) for table, column in connection.execute(_COLUMNS)}
    for table, column in sorted(found ^ (_OURS | _SLOTS)):
        what = "has" if (table, column) in found else "has not"
        raise ConfigurationError(f"{table} {what} the column {column}: it is not as gearbridge makes it")
