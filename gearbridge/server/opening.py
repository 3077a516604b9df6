"""A server's store: its own, or one that it shares with other nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError
from gearbridge.stores.database.redaction import redacted
from gearbridge.stores.interface import Node, StandbyStore
from gearbridge.stores.registry import shared_store_for, store_for
from gearbridge.version import __version__

if TYPE_CHECKING:
    from gearbridge.stores.interface import Store

    from .config import ServerConfig

#: The error for databases that --require-synchronous is not for.
_NO_STANDBYS = (
    "--require-synchronous is for PostgreSQL, which may be set to wait for a standby or not; in a Galera cluster and "
    "in Group Replication a commit is on other members by itself, and elsewhere there are no standbys to wait for"
)


def store_of(config: ServerConfig) -> Store:
    """Return the store, not opened yet. Raises ConfigurationError for one that there is not."""
    store = _named(config)
    if config.require_synchronous:
        if not isinstance(store, StandbyStore):
            raise ConfigurationError(f"{redacted(config.store)}: {_NO_STANDBYS}")
        store.require_synchronous()
    return store


def _named(config: ServerConfig) -> Store:
    if config.is_shared():
        return shared_store_for(config.store, Node(config.node, config.lease, __version__))
    return store_for(config.store)
