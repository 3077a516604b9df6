"""SQLAlchemy's engine for a database's URL: with the driver that we use, on the host of several that will do."""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from gearbridge.errors import ConfigurationError

from .libpq import answer
from .mysql_hosts import dial, nodes_of
from .redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import URL

    from .mysql_hosts import Nodes

_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "sqlite": "sqlite+pysqlite",
}

#: Seconds: a connection that nothing moves on is probed after the first, then after each of the second, so many times.
_KEEPALIVES = (5, 2, 3)
#: Milliseconds for what was sent to be acknowledged by the other end's system.
_USER_TIMEOUT = 15_000
#: Both as libpq's options.
_LIBPQ = {
    **dict(zip(("keepalives_idle", "keepalives_interval", "keepalives_count"), _KEEPALIVES, strict=True)),
    "tcp_user_timeout": _USER_TIMEOUT,
}
#: The first statement of a session of PostgreSQL: the owner of a database decides where names are looked up in it, and
#: could put functions and operators there, which would run in our name.
OWN_NAMES = "SET search_path TO pg_catalog, pg_temp"
#: Seconds for PostgreSQL to answer it.
_ANSWER = 10.0


def find_own_names(connection: Any) -> None:
    """Let a new connection of psycopg's look names up among PostgreSQL's own."""
    answer(connection.pgconn, OWN_NAMES, _ANSWER)


def engine_for(
    url: URL, nodes: Nodes | None = None, set_up: Callable[[Any], None] = find_own_names, **options: Any
) -> Engine:
    """An engine without a pool, not connected yet; options as for create_engine.

    Its connections notice within some 15 s that the other end is gone, unless the URL has libpq's options for that.
    `nodes` are the hosts of MySQL that the URL lists, where the caller needs to ask them. `set_up` is called with each
    new connection to PostgreSQL before anything is asked there. Raises ConfigurationError for a database that we have
    no driver for.
    """
    kind = url.get_backend_name()
    if kind not in _DRIVERS:
        raise ConfigurationError(f"there is no driver for {kind}://, only for {', '.join(_DRIVERS)}")
    mysql = kind in {"mysql", "mariadb"}
    if mysql and url.password:
        # PyMySQL encodes a password as Latin-1; servers store the digest of what clients send as UTF-8.
        options["connect_args"] = {"password": str(url.password).encode(), **options.get("connect_args", {})}
    if kind.startswith("postgres"):
        own = {name: value for name, value in _LIBPQ.items() if name not in url.query}
        # A database of another encoding would have its sessions speak that.
        options["connect_args"] = {**own, **options.get("connect_args", {}), "client_encoding": "utf8"}
    try:
        engine = create_engine(url.set(drivername=_DRIVERS[kind]), poolclass=NullPool, **options)
    except (TypeError, ValueError, SQLAlchemyError):  # the text may quote the value of an option
        raise ConfigurationError(f"an option in {redacted(url)}?... has no meaning or no such value") from None
    if kind.startswith("postgres"):
        event.listen(engine, "do_connect", partial(_connect_to_postgresql, set_up))
    if mysql:
        nodes = nodes or nodes_of(url)
        event.listen(engine, "do_connect", _connect_with_options if nodes is None else nodes.connect)
        event.listen(engine, "connect", _keep_alive)
    return engine


def _connect_to_postgresql(
    set_up: Callable[[Any], None], dialect: Any, _record: object, arguments: list[Any], parameters: dict[str, Any]
) -> Any:
    """Connect, and set the session up before SQLAlchemy asks for anything."""
    connection = dialect.connect(*arguments, **parameters)
    try:
        set_up(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_with_options(dialect: Any, _record: object, arguments: list[Any], parameters: dict[str, Any]) -> Any:
    """Connect; an option of the URL that PyMySQL does not have is an error of the driver, as with psycopg."""
    try:
        return dial(dialect, *arguments, **parameters)
    except TypeError as error:  # it names the option
        raise dialect.loaded_dbapi.OperationalError(0, f"unknown option in the URL: {error}") from None


def _keep_alive(connection: Any, _record: object) -> None:
    """Set on a socket of PyMySQL's what libpq has options for."""
    sock: socket.socket = connection._sock
    if sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
    for name, value in zip(names, (*_KEEPALIVES, _USER_TIMEOUT), strict=True):
        if hasattr(socket, name):  # not every system has all of them
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
