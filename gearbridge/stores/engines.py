"""SQLAlchemy's engine for a database's URL: with the driver that we use, on the host of several that will do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool

from gearbridge.errors import ConfigurationError

from .mysql_hosts import nodes_of

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from .mysql_hosts import Nodes

_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "sqlite": "sqlite+pysqlite",
}


def engine_for(url: URL, nodes: Nodes | None = None, **options: Any) -> Engine:
    """An engine without a pool, not connected yet; options as for create_engine.

    `nodes` are the hosts of MySQL that the URL lists, where the caller needs to ask them. Raises ConfigurationError for
    a database that we have no driver for.
    """
    kind = url.get_backend_name()
    if kind not in _DRIVERS:
        raise ConfigurationError(f"there is no driver for {kind}://, only for {', '.join(_DRIVERS)}")
    engine = create_engine(url.set(drivername=_DRIVERS[kind]), poolclass=NullPool, **options)
    if kind in {"mysql", "mariadb"} and (nodes := nodes or nodes_of(url)) is not None:
        event.listen(engine, "do_connect", nodes.connect)
    return engine
