"""Sessions of a store in MySQL or MariaDB: how they connect, and their settings, whatever the server's are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event

from ..database.engines import engine_for

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from ..database.mysql_hosts import Nodes

#: Seconds to connect, and until a server that does not answer counts as gone.
_TIMEOUTS = {"connect_timeout": 5, "read_timeout": 30, "write_timeout": 30}

#: First, not strict: a server takes its longest wait_timeout then, where a year is longer. Settings are checked before
#: the first of a statement is set.
_LENIENT = "SET sql_mode = ''"
#: The settings of each session of ours, whatever the server's are: to refuse what does not fit, to be idle for a year,
#: the seconds to wait for the locks of rows and of tables, that each statement is committed by itself, whole, however
#: long it takes, and that no uncommitted job is seen.
_SESSION = (
    "SET wait_timeout = 31536000, innodb_lock_wait_timeout = 1, lock_wait_timeout = 5, "
    "autocommit = 1, completion_type = 0, unique_checks = 1, sql_auto_is_null = 0, sql_safe_updates = 0, "
    "sql_select_limit = 18446744073709551615, "
    "/*!50708 max_execution_time = 0, */ /*M!100101 max_statement_time = 0, */ sql_mode = 'TRADITIONAL'",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
)


def engine_of(url: URL, nodes: Nodes | None = None) -> Engine:
    """Make the engine of this database: its connections are in autocommit, strict, and never wait for ever."""
    own = {"connect_timeout"} if nodes is not None else set()  # they have a shorter one
    timeouts = {name: seconds for name, seconds in _TIMEOUTS.items() if name not in {*url.query, *own}}
    engine = engine_for(
        url,
        nodes,
        isolation_level="AUTOCOMMIT",
        connect_args={**timeouts, "charset": "utf8mb4", "init_command": _LENIENT},
    )
    event.listen(engine, "connect", _set_up_session)
    return engine


def _set_up_session(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        for statement in _SESSION:
            cursor.execute(statement)
