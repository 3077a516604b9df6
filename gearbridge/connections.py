"""A connection that a program has, of whatever driver: what kind of database it is, and one way to run a statement.

What the connection is, is seen from its module: no driver is imported here, and none needs to be there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from .errors import ConfigurationError

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
        raise ConfigurationError(f"gearbridge does not know what to do with {type(connection)!r}")
    mark = "?" if module == "sqlite3" else "%s"

    def run(statement: str, parameters: Sequence[object] = (), /) -> Sequence[Any]:
        cursor = connection.cursor()
        try:
            if parameters:
                cursor.execute(statement.replace("?", mark), parameters)
            else:
                cursor.execute(statement)
            rows: Sequence[Any] = cursor.fetchall() if cursor.description else ()
        finally:
            cursor.close()
        return rows

    return str(kind), run


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
        return rows

    if kind not in _KINDS:
        raise ConfigurationError(f"gearbridge does not know the database {kind}")
    return kind, run
