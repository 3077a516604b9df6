"""What a database says of itself when extensions are to be installed: its directories, rights and extensions.

It changes nothing; install.py does.
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
from ..stores.hosts import SESSION_ATTRIBUTES, WRITABLE

Connection = psycopg.Connection[tuple[Any, ...]]

CONNECT_SECONDS = 10


def connect(url: str) -> Connection:
    """Connect to a database by its URL, each statement a transaction. Raises ConfigurationError."""
    try:
        plain = url.replace("postgresql+psycopg://", "postgresql://", 1)  # as SQLAlchemy writes it, and --store
        options: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, **conninfo_to_dict(plain)}
        if "," in str(options.get("host", "")):
            options.setdefault(SESSION_ATTRIBUTES, WRITABLE)
        return psycopg.connect(**{**options, "application_name": "gearbridge db"}, autocommit=True)
    except psycopg.Error as error:
        raise ConfigurationError(f"cannot connect to the database: {error}".strip()) from error


def describe(db: Connection) -> str:
    """The database's name and place, without the password."""
    return f"database {db.info.dbname} at {db.info.host}:{db.info.port}"


def server_major(db: Connection) -> int:
    """The server's major version."""
    return db.info.server_version // 10000


def is_superuser(db: Connection) -> bool:
    """Whether the connection's role is a superuser."""
    return bool(_value(db, "SELECT current_setting('is_superuser') = 'on'"))


def extension_directory(db: Connection) -> Path:
    """Where this server looks for control files and scripts. Only a superuser may ask."""
    share = _value(db, "SELECT setting FROM pg_catalog.pg_config WHERE name = 'SHAREDIR'")
    return Path(str(share)) / "extension"


def is_on_this_machine(db: Connection) -> bool:
    """Whether the server runs here, as far as its address tells; a container's or a tunnel's may deceive."""
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
    """Whether the server has the files of this version."""
    query = "SELECT count(*) FROM pg_catalog.pg_available_extension_versions WHERE name = %s AND version = %s"
    return bool(_value(db, query, extension, version))


def is_available(db: Connection, extension: str) -> bool:
    """Whether the server has the files of any version."""
    return bool(_value(db, "SELECT count(*) FROM pg_catalog.pg_available_extensions WHERE name = %s", extension))


def has_update_path(db: Connection, extension: str, old: str, new: str) -> bool:
    """Whether the server's files lead from one version to another."""
    query = "SELECT count(path) FROM pg_catalog.pg_extension_update_paths(%s) WHERE source = %s AND target = %s"
    return bool(_value(db, query, extension, old, new))


def installed_version(db: Connection, extension: str) -> str | None:
    """The version that is installed in this database; None where it is not."""
    found = _value(db, "SELECT extversion FROM pg_catalog.pg_extension WHERE extname = %s", extension)
    return None if found is None else str(found)


def _value(db: Connection, query: str, *parameters: str) -> Any:
    row = db.execute(query, parameters).fetchone()
    return row[0] if row else None
