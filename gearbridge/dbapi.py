"""A connection that a program has, of whatever driver: what kind of database it is, and one way to run a statement.

What the connection is, is seen from its module: no driver is imported here, and none needs to be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from gearbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Kinds of database, by the first part of the module that a driver's connection comes from.
_DRIVERS = {
    "sqlite3": "sqlite",
    "psycopg": "postgresql",
    "psycopg2": "postgresql",
    "pymysql": "mysql",
    "MySQLdb": "mysql",
    "mysql": "mysql",
}
_KINDS = ("sqlite", "postgresql", "mysql")


class Run(Protocol):
    """Runs a statement, whose parameters are written `?`, and returns its rows. One without any is left as it is."""

    def __call__(self, statement: str, parameters: Sequence[object] = (), /) -> Sequence[Any]: ...


def runner(connection: Any) -> tuple[str, Run]:
    """The kind of database (sqlite, postgresql or mysql), and how to run a statement in the connection's transaction.

    Raises ConfigurationError for a connection that is of no kind it knows.
    """
    module = type(connection).__module__.partition(".")[0]
    if module == "sqlalchemy":
        return _sqlalchemy_runner(connection)
    vendor = getattr(connection, "vendor", None)  # Django's
    kind = vendor if module == "django" else _DRIVERS.get(module)
    if kind not in _KINDS:
        raise ConfigurationError(f"gearbridge cannot enqueue through {type(connection)!r}")
    mark = "?" if module == "sqlite3" else "%s"

    def run(statement: str, parameters: Sequence[object] = (), /) -> Sequence[Any]:
        cursor = connection.cursor(**plain_rows(module))
        if module == "sqlite3":
            cursor.row_factory = None
        try:
            if parameters:
                cursor.execute(statement.replace("?", mark), parameters)
            else:
                cursor.execute(statement if statement.isascii() else _encoded(module, connection, statement))
            rows: Sequence[Any] = cursor.fetchall() if cursor.description else ()
        finally:
            cursor.close()
        return [plain_row(row) for row in rows]

    return str(kind), run


def plain_row(row: Any) -> Any:
    """A row by position: drivers that give dicts have the columns in their order.

    Bytes are text of an SQL_ASCII database, which psycopg leaves as they are: no statement asks for others.
    """
    values = row.values() if isinstance(row, Mapping) else row
    return tuple(map(_as_text, values))


def _encoded(module: str, connection: Any, statement: str) -> str | bytes:
    """A statement as the driver sends it: psycopg takes only ASCII in a session of SQL_ASCII."""
    if module == "psycopg" and connection.info.encoding == "ascii":
        return statement.encode("utf-8", "surrogateescape")
    return statement


def _as_text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return [*map(_as_text, value)] if isinstance(value, list) else value


def plain_rows(module: str) -> dict[str, Any]:
    """Return the arguments of a cursor that returns tuples, where a driver's connection may return anything."""
    return {"row_factory": import_module("psycopg.rows").tuple_row} if module == "psycopg" else {}


def _sqlalchemy_runner(connection: Any) -> tuple[str, Run]:
    if hasattr(connection, "get_bind"):  # a session
        connection = connection.connection()
    kind = {"mariadb": "mysql"}.get(connection.dialect.name, connection.dialect.name)
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"

    def run(statement: str, parameters: Sequence[object] = (), /) -> Sequence[Any]:
        if parameters:
            result = connection.exec_driver_sql(statement.replace("?", mark), tuple(parameters))
        else:
            result = connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
        rows: Sequence[Any] = result.fetchall() if result.returns_rows else ()
        return [plain_row(row) for row in rows]

    if kind not in _KINDS:
        raise ConfigurationError(f"gearbridge does not know the database {kind}")
    return kind, run
