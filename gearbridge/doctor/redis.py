"""A Redis or Valkey with jobs: its version and role, what its settings promise, and whether a server has the jobs."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from gearbridge.errors import ConfigurationError
from gearbridge.stores.redis.scripts import IS_OWNED
from gearbridge.stores.redis.session import connect, driver, keys_of
from gearbridge.stores.redis.settings import NEEDED, evicts_jobs, read_settings, weak_settings
from gearbridge.stores.redis.urls import RedisPlace, redis_place

from .alike import ABOUT, kept_finding
from .finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Seconds to connect, and to wait for an answer.
_PATIENCE = 5.0
#: Major version from which the store works.
_OLDEST = 5


def check_redis(url: str) -> Iterator[Finding]:
    """Look at a Redis; a server that has jobs there goes on undisturbed."""
    try:
        place = redis_place(url)
        errors: tuple[type[Exception], ...] = (driver().RedisError, OSError)
    except ConfigurationError as error:
        yield Finding(ABOUT, False, "the database cannot be reached", str(error))
        return
    try:
        client = connect(place, "gearbridge-doctor", _PATIENCE)
        client.ping()
    except errors as error:
        yield Finding(ABOUT, False, "the database cannot be reached", f"{place.host}:{place.port}: {error}")
        return
    with closing(client):
        looks: tuple[Callable[[Any, RedisPlace], Iterator[Finding]], ...] = (_version, _settings, _jobs)
        for look in looks:
            try:
                yield from look(client, place)
            except errors as error:
                yield Finding(ABOUT, False, f"a question failed: {error}", "which right is missing?")


def _version(client: Any, _place: RedisPlace) -> Iterator[Finding]:
    info = client.info()
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version") or info["redis_version"])
    too_old = name == "Redis" and int(version.split(".", 1)[0]) < _OLDEST
    yield Finding(ABOUT, not too_old, f"the database answers: {name} {version}", f"it must be {_OLDEST} or later")
    if info.get("role") != "master":
        yield Finding(ABOUT, False, "it is a replica, which takes no jobs", "name the one that it follows")


def _settings(client: Any, _place: RedisPlace) -> Iterator[Finding]:
    try:
        settings = read_settings(client)
    except driver().ResponseError as error:
        text = f"whether jobs survive its own end is unknown: {error}"
        yield Finding(ABOUT, False, text, f"allow this user CONFIG GET; it needs {NEEDED}")
        return
    weak = weak_settings(settings)
    promise = "do not survive" if weak else "survive"
    text = f"jobs survive the end of the server, and {promise} its own"
    yield Finding(ABOUT, not weak, f"{text}: {', '.join(weak) or NEEDED}", f"if they must, set {NEEDED}")
    policy = f"maxmemory-policy {settings.get('maxmemory-policy')}"
    text = f"when its memory is full it {'throws away jobs' if evicts_jobs(settings) else 'keeps jobs'}: {policy}"
    yield Finding(ABOUT, not evicts_jobs(settings), text, "set maxmemory-policy noeviction")


def _jobs(client: Any, place: RedisPlace) -> Iterator[Finding]:
    owner, jobs = keys_of(place)
    yield kept_finding(client.hlen(jobs), bool(client.eval(IS_OWNED, 1, owner)))
