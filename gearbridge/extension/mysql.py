"""The SQL functions for MySQL and MariaDB: as a script, or put into a database. The sources are in sql/mysql."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ..errors import ConfigurationError
from ..stores.database.errors import advice, reason
from ..stores.database.redaction import redacted
from ..stores.database.urls import database_url
from ..stores.jobtable.migrations import create_or_upgrade
from ..stores.mysql.sessions import engine_of
from ..version import __version__
from .sources import read_source
from .tables import tables_script

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = f"""\
-- gearbridge {__version__} for MySQL 5.7 and later and MariaDB, made by `gearbridge db script --mysql`.
-- Run it once, in the database that the jobs are to be kept in: mysql DATABASE < FILE. A server with a binary log,
-- which MySQL 8 and later keep unless told otherwise, takes functions that write only where it is set to trust those
-- who make them. Where this ends with error 1418 or 1419, let an administrator do this, and put it into the server's
-- configuration, then run it again:
--     SET GLOBAL log_bin_trust_function_creators = 1;
"""

#: As in sessions of ours. A function runs in the sql_mode of the session that made it: in some a backslash is a letter
#: like others.
_MODE = "SET SESSION sql_mode = 'TRADITIONAL'"

_ROUTINE = re.compile(r"CREATE FUNCTION (\w+)")

#: `\own TABLE` in a function: it reads or writes no temporary table that the caller has put before that one.
_OWN = re.compile(r"^ *\\own (\w+)\n", re.MULTILINE)


def statements() -> Iterator[str]:
    """The statements that make the functions and views, replacing those of an earlier version."""
    own = read_source("sql/mysql/_own.sql")
    for line in read_source("sql/mysql.sql").splitlines():
        if not line.startswith("\\i "):
            continue
        statement = _OWN.sub(
            lambda match: own.replace("@table@", match.group(1)), read_source(f"sql/{line.split()[1]}").rstrip()
        )
        routine = _ROUTINE.match(statement)
        if routine is not None:
            yield f"DROP FUNCTION IF EXISTS {routine.group(1)}"
        yield statement


def mysql_script() -> str:
    """Everything as a script for the mysql program: the tables, then functions and views."""
    functions = "".join(f"{statement}$$\n\n" for statement in statements())
    return (
        f"{_HEAD}\nSET @gearbridge_sql_mode = @@SESSION.sql_mode;\n{_MODE};\n\n{tables_script('mysql')}\n"
        f"DELIMITER $$\n\n{functions}DELIMITER ;\n\nSET SESSION sql_mode = @gearbridge_sql_mode;\n"
    )


def install_mysql(url: str) -> None:
    """Put tables, functions and views into the database, or bring them up to date. Raises ConfigurationError."""
    parsed = database_url(url)
    engine = engine_of(parsed)
    try:
        with engine.begin() as connection:
            create_or_upgrade(connection)
            for statement in statements():
                connection.execute(text(re.sub(r"(?<!\\):", r"\\:", statement)))
    except SQLAlchemyError as error:
        raise ConfigurationError(f"cannot install into {redacted(parsed)}: {reason(error)}{advice(error)}") from error
    finally:
        engine.dispose()
