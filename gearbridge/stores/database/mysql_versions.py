"""The oldest MySQL and MariaDB that the job table can be in: it has columns that are made of others, with indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gearbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_MYSQL, _MARIADB = (5, 7), (10, 2)


def demand_version(connection: Connection) -> None:
    """Raise ConfigurationError on an older MySQL or MariaDB; other databases are let pass."""
    dialect: Any = connection.dialect
    if dialect.name not in ("mysql", "mariadb"):
        return
    kind, oldest = ("MariaDB", _MARIADB) if dialect.is_mariadb else ("MySQL", _MYSQL)
    found: tuple[int, ...] = dialect.server_version_info
    if found < oldest:
        raise ConfigurationError(
            f"the job table needs {kind} {_shown(oldest)} or later; this is {kind} {_shown(found)}"
        )


def _shown(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
