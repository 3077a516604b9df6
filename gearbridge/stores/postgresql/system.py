"""A description of the PostgreSQL system that a job table is in. Knows no job.

Rules of this file:
1. Equal over restarts, crashes and reconnects, whatever dumps and copies are made.
2. Another one in a database that was made from this one as a template (the database's oid), or restored from a dump,
   into the same database or another one (the table's oid, or its file's where it was emptied and filled again), in
   another cluster (its identifier), after a recovery to a point in time or a promotion (the timeline), and in a copy of
   the disks that runs beside it (the port).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from ..jobtable.schema import job

if TYPE_CHECKING:
    from sqlalchemy import Connection

_TABLE = f"CAST('{job.name}' AS pg_catalog.regclass)"
_PLACE = text(
    "SELECT pg_catalog.concat_ws(' ', CAST(oid AS bigint), "
    f"CAST({_TABLE} AS oid), pg_catalog.pg_relation_filenode({_TABLE}), "
    'pg_catalog."left"(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8), '
    "pg_catalog.current_setting('port')), "
    "pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') "
    "FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()"
)
_CLUSTER = text("SELECT system_identifier FROM pg_catalog.pg_control_system()")


def system_of(connection: Connection) -> str:
    """Describe the system, at its primary."""
    place, may_ask = connection.execute(_PLACE).one()
    cluster = connection.execute(_CLUSTER).scalar() if may_ask else ""  # where a host keeps that for itself
    return f"{cluster} {place}"
