"""A server's store: its own, or one that it shares with other nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.stores.node import Node
from gearbridge.stores.registry import shared_store_for, store_for
from gearbridge.version import __version__

if TYPE_CHECKING:
    from gearbridge.stores.base import Store

    from .config import ServerConfig


def store_of(config: ServerConfig) -> Store:
    """The store, not opened yet. Raises ConfigurationError for one that there is not."""
    if config.is_shared():
        return shared_store_for(config.store, Node(config.node, config.lease, __version__))
    return store_for(config.store)
