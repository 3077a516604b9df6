"""Queries of a database for an installation of extensions: its directories, rights and extensions.

Changes nothing; install.py does.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ..errors import ConfigurationError
from ..stores.database.engines import OWN_NAMES
from ..stores.database.redaction import redacted, without_quotes
from ..stores.database.urls import SESSION_ATTRIBUTES, WRITABLE, database_url

Connection = psycopg.Connection[tuple[Any, ...]]

CONNECT_SECONDS = 10
_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")


def connect(url: str) -> Connection:
    """Connect to a database by its URL, each statement a transaction.

    Raises ConfigurationError, which quotes nothing of the URL but what `redacted` shows.
    """
    options = _options(url)
    try:
        # A database of another encoding would have its sessions speak that.
        own = {"application_name": "gearbridge db", "client_encoding": "utf8"}
        db = psycopg.connect(**{**options, **own}, autocommit=True)
        db.execute(OWN_NAMES)
        return db
    except psycopg.ProgrammingError as error:  # libpq quotes the values of options that it refuses
        raise ConfigurationError(f"cannot connect to {redacted(url)}: {without_quotes(error)}") from None
    except psycopg.Error as error:
        raise ConfigurationError(f"cannot connect to {redacted(url)}: {error}".strip()) from error


def _options(url: str) -> dict[str, Any]:
    """The options of libpq in a URL or connection string. Raises ConfigurationError."""
    scheme, mark, rest = url.partition("://")
    if mark and scheme not in _SCHEMES:
        raise ConfigurationError(f"{redacted(url)} is no database that takes extensions: it must be postgresql://...")
    try:
        if mark:  # --store takes the same URLs, and what is ambiguous there is here
            database_url(url)
        options: dict[str, Any] = conninfo_to_dict(f"postgresql://{rest}" if mark else url)
    except ConfigurationError as error:
        raise ConfigurationError(f"{redacted(url)} cannot be used: {error}") from None
    except psycopg.Error as error:
        raise ConfigurationError(f"{redacted(url)} cannot be used: {without_quotes(error)}") from None
    options.setdefault("connect_timeout", CONNECT_SECONDS)
    if "," in str(options.get("host", "")):
        options.setdefault(SESSION_ATTRIBUTES, WRITABLE)
    return options


def default_schema(db: Connection) -> str | None:
    """Return the schema in which this database creates what is named without one; None where there is none."""
    db.execute("RESET search_path")
    try:
        schema = _value(db, "SELECT pg_catalog.current_schema()")
    finally:
        db.execute(OWN_NAMES)
    return None if schema is None else str(schema)


def describe(db: Connection) -> str:
    """The database's name and place, without the password."""
    return f"database {db.info.dbname} at {db.info.host}:{db.info.port}"


def server_major(db: Connection) -> int:
    """The server's major version."""
    return db.info.server_version // 10000


def is_superuser(db: Connection) -> bool:
    """Return whether the connection's role is a superuser."""
    return bool(_value(db, "SELECT current_setting('is_superuser') = 'on'"))


def extension_directory(db: Connection) -> Path:
    """Return the server's directory of control files and scripts. Only a superuser may query it."""
    share = _value(db, "SELECT setting FROM pg_catalog.pg_config WHERE name = 'SHAREDIR'")
    return Path(str(share)) / "extension"


def is_on_this_machine(db: Connection) -> bool:
    """Return whether the server runs here, by its address; that of a container or a tunnel may be misleading."""
    address = _value(db, "SELECT host(inet_server_addr())")
    if address is None:  # a Unix socket
        return True
    if ipaddress.ip_address(address).is_loopback:
        return True
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe, contextlib.suppress(OSError):
        probe.bind((address, 0))  # works for our own addresses only
        return True
    return False


def available_version(db: Connection, extension: str, version: str) -> bool:
    """Return whether the server has the files of this version."""
    query = "SELECT count(*) FROM pg_catalog.pg_available_extension_versions WHERE name = %s AND version = %s"
    return bool(_value(db, query, extension, version))


def is_available(db: Connection, extension: str) -> bool:
    """Return whether the server has the files of any version."""
    return bool(_value(db, "SELECT count(*) FROM pg_catalog.pg_available_extensions WHERE name = %s", extension))


def has_update_path(db: Connection, extension: str, old: str, new: str) -> bool:
    """Return whether the server's files lead from one version to another."""
    query = "SELECT count(path) FROM pg_catalog.pg_extension_update_paths(%s) WHERE source = %s AND target = %s"
    return bool(_value(db, query, extension, old, new))


def installed_version(db: Connection, extension: str) -> str | None:
    """The version that is installed in this database; None where it is not."""
    found = _value(db, "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = %s", extension)
    return None if found is None else str(found)


def _value(db: Connection, query: str, *parameters: str) -> Any:
    row = db.execute(query, parameters).fetchone()
    return row[0] if row else None
