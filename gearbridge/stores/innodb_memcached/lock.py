"""The owner's lock of a prefix, a GET_LOCK of MySQL's, for the store behind the memcached plugin.

Rules of this file:
1. Any user of MySQL may take any lock whose name it knows. So the name is made of a random key, which is kept in an
   item beside the jobs: who may not read the table cannot name the lock.
2. Beside the key the item has the life of the last holder. A server whose session ended has the prefix still only where
   that life is its own.
3. MySQL 5.6 lets go of a session's lock when it takes another one, so ours is taken last.
4. The lock of gearbridge 0.1.0, whose name can be computed, counts only where a session of our own user has it.
"""

from __future__ import annotations

import logging
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING

from gearbridge.errors import StoreInUse, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from .session import Ask

_log = logging.getLogger(__name__)

#: Behind the prefix; no handle makes this key.
ITEM = b"%lock"
_FORMER_HOLDER = (
    "SELECT IS_USED_LOCK(%s), (SELECT COUNT(*) FROM information_schema.processlist WHERE id = IS_USED_LOCK(%s) "
    "AND id <> CONNECTION_ID() AND user = SUBSTRING_INDEX(USER(), '@', 1))"
)


class PrefixLock:
    """The lock of one prefix. `place` is what names it, `put` writes the item, `read` asks for it through SQL."""

    def __init__(self, place: bytes, put: Callable[[bytes, bytes], bytes], read: Callable[[Ask], list[bytes]]) -> None:
        self._place = place
        self._put = put
        self._read = read
        self._key = b""
        self._lives: set[bytes] = set()

    def take(self, ask: Ask) -> None:
        """Take it for a new session.

        Raises StoreUnavailable where another session has it, StoreInUse where another server has had it since.
        """
        key, _ = self._item(ask)
        self._take_former(ask)
        name = self._name(key)
        if ask("SELECT GET_LOCK(%s, 0)", name) != [(1,)]:
            ((holder,),) = ask("SELECT IS_USED_LOCK(%s)", name)
            raise _in_use(holder)
        locked, (key, life) = key, self._item(ask)
        if key != locked:
            raise StoreUnavailable("the item with the owner of this prefix was replaced meanwhile")
        if self._lives and life not in self._lives:
            raise StoreInUse("another gearbridge server has taken this prefix since our session ended")
        life = secrets.token_hex(8).encode()
        self._key = key
        self._lives.add(life)  # before the write, whose answer may be lost
        self._put(b"set", key + b" " + life)
        self.demand(ask)

    def demand(self, ask: Ask) -> None:
        """Raise StoreInUse where, by the item, another server has the prefix."""
        if self._item(ask)[1] not in self._lives:
            raise StoreInUse("another gearbridge server has taken this prefix")

    def _item(self, ask: Ask) -> tuple[bytes, bytes]:
        """Return the key and the life, and make them where there is no item."""
        for _ in range(2):
            for value in self._read(ask):
                key, _, life = value.partition(b" ")
                return key, life
            # Where somebody has emptied the table under us we hold the lock of this key still.
            key = self._key or secrets.token_hex(16).encode()
            self._put(b"add", key + b" " + next(iter(self._lives), b"none"))
        raise StoreUnavailable("the item with the owner of this prefix cannot be written")

    def _take_former(self, ask: Ask) -> None:
        former = f"gearbridge:{sha256(self._place).hexdigest()[:40]}"
        ((holder, ours),) = ask(_FORMER_HOLDER, former, former)
        if ours:
            raise _in_use(holder)
        if holder is not None:
            _log.warning("connection %s of another user holds the lock of gearbridge 0.1.0: passed over", holder)
        ask("SELECT GET_LOCK(%s, 0)", former)  # so that none of that version comes beside us

    def _name(self, key: bytes) -> str:
        # MySQL takes 64 characters at most.
        return f"gearbridge:{sha256(self._place + key).hexdigest()[:40]}"


def _in_use(holder: object) -> StoreUnavailable:
    return StoreUnavailable(
        f"this prefix is in use by another gearbridge server; give each server its own (connection {holder} has it)"
    )
