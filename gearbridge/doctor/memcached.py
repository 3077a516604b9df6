"""A memcached with jobs: its version, whether it forgets them, and what it does not promise."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError, StoreError
from gearbridge.stores.memcached.connection import MemcachedConnection
from gearbridge.stores.memcached.items import places_of

from .alike import ABOUT
from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_memcached(url: str) -> Iterator[Finding]:
    """Look at a memcached; a server that has jobs there goes on undisturbed."""
    try:
        places = places_of(url)
    except ConfigurationError as error:
        yield Finding(ABOUT, False, "the database cannot be reached", str(error))
        return
    for place in places:
        try:
            with closing(MemcachedConnection(place.host, place.port)) as connection:
                yield from _findings(connection.stats(b"settings"), connection.stats())
        except StoreError as error:
            yield Finding(ABOUT, False, "the database cannot be reached", str(error))


def _findings(settings: dict[str, str], stats: dict[str, str]) -> Iterator[Finding]:
    lists = "no" not in (settings.get("dump_enabled"), settings.get("lru_crawler"))
    version = f"the database answers: memcached {stats.get('version', '?')}"
    yield Finding(ABOUT, lists, version, "it must list its keys: start it without -X, version 1.6 or later")
    yield Finding(ABOUT, True, "jobs survive the end of the server, and do not survive memcached's own")
    forgets = settings.get("evictions") != "off"
    text = f"when its memory is full it {'forgets' if forgets else 'keeps'} jobs"
    yield Finding(ABOUT, not forgets, text, "start it with -M")
    evicted = int(stats.get("evictions", 0))
    if evicted:
        text = f"it has forgotten {evicted} values for want of memory since its start"
        yield Finding(ABOUT, False, text, "jobs may be among them; start it with -M and a larger -m")
