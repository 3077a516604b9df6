"""The job table, defined once; every database's DDL is compiled from this definition.

One table holds what a server took over a socket and what SQL enqueued. `state` decides whose a row is: a KEPT one is in
its server's memory, and no other server touches it; a WAITING one can be claimed, and claiming writes nothing: the
claimer records in memory what it has claimed, and when it is gone the row is still there for the next one.

Where several servers share the table each is a row of the nodes', and claiming writes its epoch into a job's row as the
owner's. A row whose owner is no node's epoch is free, so what a dead node held is freed by deleting that node's row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    and_,
    event,
)

from gearbridge.records import MAX_FUNCTION, MAX_HANDLE, MAX_UNIQUE_KEY

from ..database.column_types import MYSQL, blob, long_text, string

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Dialect

#: Version of the definitions below. Any change of them is a new number and a step in the upgrade path.
SCHEMA_VERSION = 3

#: A function name or unique key takes up to four characters a byte, where it is not UTF-8 (names.py).
_FUNCTION_LENGTH = 4 * MAX_FUNCTION
_UNIQUE_KEY_LENGTH = 4 * MAX_UNIQUE_KEY

#: First half of PostgreSQL's advisory lock that a sleeping claimer holds (wakeup.py); the second is the table's oid.
WAKE_LOCK = 0x67656177

#: States of a row.
KEPT, WAITING, FAILED, DONE = 0, 1, 2, 3

#: How PostgreSQL keeps the table. Pages are filled: a row is mostly written once, then deleted.
POSTGRESQL_OPTIONS = {
    "autovacuum_vacuum_scale_factor": 0,
    "autovacuum_vacuum_threshold": 10_000,
    "autovacuum_vacuum_insert_scale_factor": 0,
    "autovacuum_vacuum_insert_threshold": 100_000,
}

metadata = MetaData()


job = Table(
    "gearbridge_job",
    metadata,
    Column(
        "id",
        BigInteger().with_variant(Integer, "sqlite"),  # SQLite numbers rows only through INTEGER PRIMARY KEY
        primary_key=True,
        autoincrement=True,
        comment="order of submission",
    ),
    Column("handle", string(MAX_HANDLE, "ascii"), nullable=False, unique=True),
    Column("function", string(_FUNCTION_LENGTH), nullable=False),
    Column("unique_key", string(_UNIQUE_KEY_LENGTH), nullable=False, comment="empty: none"),
    Column("priority", SmallInteger, nullable=False, comment="0 high, 1 normal, 2 low"),
    Column("payload", blob(), nullable=False),
    Column("due", BigInteger, nullable=False, comment="seconds since 1970 before which it must not run; 0: at once"),
    Column("attempts", Integer, nullable=False, comment="how many workers were lost while they held it"),
    Column("reducer", string(_FUNCTION_LENGTH), nullable=False, comment="empty: none"),
    # From here on what only SQL uses. A server's own rows leave it to the defaults.
    Column(
        "state",
        SmallInteger,
        nullable=False,
        server_default=str(KEPT),
        comment="0 in a server's memory, 1 enqueued by SQL and unfinished, 2 failed for good, 3 done, with its result",
    ),
    Column("max_attempts", Integer, nullable=False, server_default="0", comment="0: as the server does it"),
    Column("keep_result", SmallInteger, nullable=False, server_default="0", comment="1: the row stays when done"),
    Column("enqueued", BigInteger, comment="seconds since 1970"),
    Column("enqueued_by", string(255), comment="the database role that did it"),
    Column("finished", BigInteger, comment="seconds since 1970 at which it failed for good or was done"),
    Column("numerator", BigInteger, comment="progress, as the worker told it last; NULL or 0: none in this attempt"),
    Column("denominator", BigInteger),
    Column("result", blob(), comment="where keep_result is 1"),
    Column("error", long_text(), comment="why the last attempt failed"),
    Column(
        "owner",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="epoch of the node that has it; 0: none has",
    ),
    # A number is never given twice, so that order by id stays order of submission after the last row was deleted.
    sqlite_autoincrement=True,
)

node = Table(
    "gearbridge_node",
    metadata,
    Column(
        "epoch",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
        comment="never given twice: a node that comes back is another one",
    ),
    Column("name", string(255), nullable=False, unique=True),
    Column("lease_until", Double, nullable=False, comment="seconds since 1970 by this database's clock"),
    Column("session", BigInteger, nullable=False, comment="the database's number of the connection it writes over"),
    Column("version", string(64), nullable=False),
    Column("jobs", Integer, nullable=False, comment="in its hand"),
    Column("workers", Integer, nullable=False, comment="connected to it"),
    Column("since", BigInteger, nullable=False, comment="seconds since 1970"),
    Column("writes", BigInteger, nullable=False, server_default="0", comment="counted in a Galera cluster only"),
    sqlite_autoincrement=True,
)

limit = Table(
    "gearbridge_limit",
    metadata,
    Column("slot", string(64, "ascii"), primary_key=True, comment="SHA-256 of the function's name, in hex"),
    Column("function", string(_FUNCTION_LENGTH), nullable=False),
    *(Column(name, BigInteger, nullable=False, comment="maxqueue; 0: no limit") for name in ("high", "normal", "low")),
)

version = Table(
    "gearbridge_schema",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column(
        "lock_key",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="of the lock of the server or bridge that took the tables last; each draws another one",
    ),
    Column("lock_session", BigInteger, nullable=False, server_default="0", comment="its connection"),
    Column("life", string(64, "ascii"), comment="this database's; NULL: none yet"),
    Column(
        "life_of",
        string(64, "ascii"),
        comment="SHA-256 of what described the system for which it was drawn, in hex; in a copy it is another's",
    ),
)

_waiting = job.c.state == WAITING
_rows_covered: dict[Index, ColumnElement[bool]] = {}


def _index(name: str, *columns: str, where: ColumnElement[bool], unique: bool = False) -> Index:
    """An index over the rows for which `where` holds. MySQL has no such index; it gets MYSQL_INDEXES."""
    covered = [job.c[column] for column in columns]
    index = Index(name, *covered, unique=unique)
    _rows_covered[index] = where
    return index.ddl_if(callable_=_has_partial_indexes)


def _has_partial_indexes(*_: object, dialect: Dialect, **_more: object) -> bool:
    return dialect.name not in MYSQL


# A claim looks for one function after another, so that jobs without workers are never walked over.
_index("gearbridge_job_ready", "function", "priority", "id", where=and_(_waiting, job.c.due == 0))
_index("gearbridge_job_due", "function", "due", where=and_(_waiting, job.c.due > 0))
# Equal unique keys of a function are one job until it is finished.
_index("gearbridge_job_unique", "function", "unique_key", where=and_(_waiting, job.c.unique_key != ""), unique=True)

# What is finished is looked for by its age, among however many that wait.
_index("gearbridge_job_finished", "state", "finished", where=job.c.finished.is_not(None))

#: MySQL's indexes cover no expression, and at most 3,072 bytes, and one over the beginning of a name gives no order of
#: what follows it, so that each claim would sort all that waits: names are hashed, and so are unique keys.
MYSQL_SLOT = "UNHEX(SHA2(HEX({}), 256))"
MYSQL_UNIQUE_SLOT = "UNHEX(SHA2(CONCAT(HEX({}), '-', HEX({})), 256))"
MYSQL_INDEXES = {
    "gearbridge_job_ready": (
        f"ALTER TABLE {job.name} ADD COLUMN function_slot BINARY(32) AS "
        f"(CASE WHEN state = {WAITING} THEN {MYSQL_SLOT.format('`function`')} END) STORED "
        "COMMENT 'equal for the unfinished jobs of one function', "
        "ADD INDEX gearbridge_job_ready (state, function_slot, due, priority, id)"
    ),
    "gearbridge_job_unique": (
        f"ALTER TABLE {job.name} ADD COLUMN unique_slot BINARY(32) AS "
        f"(CASE WHEN state = {WAITING} AND unique_key <> '' "
        f"THEN {MYSQL_UNIQUE_SLOT.format('`function`', 'unique_key')} END) STORED "
        "COMMENT 'equal for the unfinished jobs of one function and unique key', "
        "ADD UNIQUE INDEX gearbridge_job_unique (unique_slot)"
    ),
}


def complete(dialect: str) -> MetaData:
    """Return the tables with the options of this dialect. Call it before compiling a definition.

    Named in the definitions themselves these options would load each dialect they are for, with all of its drivers.
    """
    if dialect in MYSQL:
        for table in metadata.tables.values():
            table.dialect_kwargs[f"{dialect}_engine"] = "InnoDB"
            # Under a table's default MySQL computes the columns of its indexes: in functions it cannot under ucs2,
            # utf16 or utf32, which a database's default may be.
            table.dialect_kwargs[f"{dialect}_default_charset"] = "utf8mb4"
        # Rows larger than a page's half, without their payload, need this; it is the default since MySQL 5.7.
        job.dialect_kwargs[f"{dialect}_row_format"] = "DYNAMIC"
        return metadata
    if dialect == "postgresql":
        # A job lives for seconds: the table is vacuumed by what is dead in it, however many rows wait.
        job.dialect_kwargs["postgresql_with"] = POSTGRESQL_OPTIONS
    for index, where in _rows_covered.items():
        index.dialect_kwargs[f"{dialect}_where"] = where
    return metadata


@event.listens_for(metadata, "before_create")
def _complete(_metadata: MetaData, connection: Connection, **_more: object) -> None:
    complete(connection.dialect.name)


for _statement in MYSQL_INDEXES.values():
    for _dialect in MYSQL:
        event.listen(job, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]
