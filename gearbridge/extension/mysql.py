"""The SQL functions for MySQL and MariaDB: as a script, or put into a database. The sources are in sql/mysql."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ..errors import ConfigurationError
from ..stores.engines import engine_for
from ..stores.hosts import database_url, shown_url
from ..stores.upgrade import create_or_upgrade
from ..version import __version__
from .sources import read_source
from .tables import tables_script

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = f"""\
-- gearbridge {__version__} for MySQL 5.7 and later and MariaDB, made by `gearbridge db script --mysql`.
-- Run it once, in the database that the jobs are to be kept in: mysql DATABASE < FILE. With the binary log on, the
-- server wants log_bin_trust_function_creators = 1, or the right SUPER, for functions that write.
"""

_ROUTINE = re.compile(r"CREATE FUNCTION (\w+)")


def statements() -> Iterator[str]:
    """The statements that make the functions and views, replacing those of an earlier version."""
    for line in read_source("sql/mysql.sql").splitlines():
        if not line.startswith("\\i "):
            continue
        statement = read_source(f"sql/{line.split()[1]}").rstrip()
        routine = _ROUTINE.match(statement)
        if routine is not None:
            yield f"DROP FUNCTION IF EXISTS {routine.group(1)}"
        yield statement


def mysql_script() -> str:
    """Everything as a script for the mysql program: the tables, then functions and views."""
    functions = "".join(f"{statement}$$\n\n" for statement in statements())
    return f"{_HEAD}\n{tables_script('mysql')}\nDELIMITER $$\n\n{functions}DELIMITER ;\n"


def install_mysql(url: str) -> None:
    """Put tables, functions and views into the database, or bring them up to date. Raises ConfigurationError."""
    parsed = database_url(url)
    engine = engine_for(parsed)
    try:
        with engine.begin() as connection:
            create_or_upgrade(connection)
            for statement in statements():
                connection.execute(text(re.sub(r"(?<!\\):", r"\\:", statement)))
    except SQLAlchemyError as error:
        raise ConfigurationError(f"cannot install into {shown_url(parsed)}: {error}") from error
    finally:
        engine.dispose()
