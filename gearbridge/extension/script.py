"""Everything as one plain SQL script, for places without extensions, without PL/Python, or that are not PostgreSQL.

It connects to nothing. Rule: a script for PostgreSQL is one transaction, so one that fails has changed nothing.
"""

from __future__ import annotations

from ..version import __version__
from .assemble import expand
from .mysql import mysql_script
from .sources import read_source
from .tables import tables_script

#: The schema of gman_* in a plain script. For an extension CREATE EXTENSION chooses it.
_SCHEMA = "public"


def plain_script() -> str:
    """Both extensions as a script for psql; a superuser runs it, and the server needs PL/Python."""
    return _transaction("plain", "gearbridge db script")


def managed_script() -> str:
    """The part without PL/Python as a script for psql; the owner of a database runs it."""
    return _transaction("managed", "gearbridge db script --managed")


def sqlite_script() -> str:
    """The job table for the sqlite3 program; the functions come with the program: gearbridge.sqlite.register."""
    return f"{_head('gearbridge db script --sqlite')}BEGIN;\n\n{tables_script('sqlite')}\nCOMMIT;\n"


def innodb_memcached_script() -> str:
    """The table and the container's row for MySQL's memcached plugin, for the mysql program."""
    return _head("gearbridge db script --innodb-memcached") + read_source("sql/innodb_memcached.sql")


def _transaction(manifest: str, command: str) -> str:
    body = expand(f"sql/{manifest}.sql", __version__, read_source).replace("@extschema@", _SCHEMA)
    return f"{_head(command)}\\set ON_ERROR_STOP on\nBEGIN;\n\n{body}\nCOMMIT;\n"


def _head(command: str) -> str:
    return f"-- gearbridge {__version__}, made by `{command}`.\n"


__all__ = ["innodb_memcached_script", "managed_script", "mysql_script", "plain_script", "sqlite_script"]
