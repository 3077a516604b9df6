"""A job table that one server at a time has for itself, by a lock of its session's in the database."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from gearbridge.errors import StoreInUse

from .nodes import demand_no_nodes
from .prompt import PromptTableStore
from .table import IN_USE

if TYPE_CHECKING:
    from sqlalchemy import Connection


class LockedTableStore(PromptTableStore):
    """What PostgreSQL and MySQL share: a lock that ends with its session, however that ends."""

    @abstractmethod
    def _lock(self, connection: Connection, seconds: int) -> bool:
        """Take the lock, after at most so many seconds; whether it was to be had."""

    @abstractmethod
    def _unlock(self, connection: Connection) -> None:
        """Let go of it."""

    @abstractmethod
    def _set_up(self, connection: Connection) -> None:
        """Look at how the database is set, and set this session."""

    def _take(self, connection: Connection) -> None:
        # The session that had it may be ours, and about to end.
        if not self._lock(connection, 1 if self._opened else 0):
            raise StoreInUse(IN_USE)
        self._set_up(connection)
        demand_no_nodes(connection)  # now: in a cluster only who has caught up sees all of them
