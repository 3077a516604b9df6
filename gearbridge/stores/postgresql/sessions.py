"""Sessions of a store in PostgreSQL: how they connect, and their settings, whatever those of database and role are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..database.engines import engine_for
from ..database.libpq import answer
from ..database.urls import hosts_of
from .encoding import take_any_text
from .pooler import backend_of
from .replication import refuse_standby

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

#: Seconds to connect, and to each of several hosts: the next one may be the one to write to. What the URL says goes
#: first.
_CONNECT = 5
_CONNECT_EACH = 2
#: The schema of the tables; the SQL functions that use them name it too.
SCHEMA = "gearbridge"

#: The settings of each session of ours, whatever the database's and the role's are: where the tables are, that it may
#: be idle, how long it waits for locks (longer than PostgreSQL's deadlock_timeout, 1 s: a deadlock between nodes is to
#: be found as one, and tried again), that only the watch ends what takes long, how definitions are written that are
#: compared, and to end within a minute where our machine is gone: long after we have noticed that the database is
#: (engines.py).
_SESSION = (
    f"SET quote_all_identifiers TO off; SET search_path TO {SCHEMA}; SET idle_session_timeout TO 0; "
    "SET idle_in_transaction_session_timeout TO '30s'; SET lock_timeout TO '2s'; SET tcp_keepalives_idle TO 30; "
    "SET tcp_keepalives_interval TO 10; SET tcp_keepalives_count TO 3; SET tcp_user_timeout TO '60s'; "
    "SET statement_timeout TO 0; SET default_transaction_isolation TO 'read committed'"
)
#: Since PostgreSQL 17 a transaction has a limit of its own, which ends the session.
_SINCE_17 = "; SET transaction_timeout TO 0"


def engine_of(url: URL) -> Engine:
    """Make the engine of this database: its sessions are set up before anything else."""
    options: dict[str, Any] = {"application_name": "gearbridge server"}
    if "connect_timeout" not in url.query:
        options["connect_timeout"] = _CONNECT_EACH if len(hosts_of(url)) > 1 else _CONNECT
    engine: Engine

    def set_up(connection: Any) -> None:
        _set_up_session(connection, partial(_connected_once_more, engine, options))

    engine = engine_for(url, set_up=set_up, isolation_level="AUTOCOMMIT", connect_args=options)
    return engine


def _connected_once_more(engine: Engine, options: dict[str, Any]) -> Any:
    arguments, parameters = engine.dialect.create_connect_args(engine.url)
    return engine.dialect.connect(*arguments, **{**parameters, **options})


def _set_up_session(connection: Any, connect: Callable[[], Any]) -> None:
    refuse_standby(connection)
    # A connection that is being made has no watchdog.
    connection.backend = backend_of(connection, connect, _CONNECT)
    since_17 = _SINCE_17 if connection.info.server_version >= 170_000 else ""
    answer(connection.pgconn, _SESSION + since_17, _CONNECT)
    take_any_text(connection)
