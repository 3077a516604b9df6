"""gearmand's persistent queues: their URLs, and what they hold as stored jobs. It knows no driver.

Rules of this file:
1. A queue is only read. What gearmand does not keep (handle, attempts, reducer) begins anew.
2. A job's handle is made from what it is, so that an import that was cut short can be run again without doubles.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, urlsplit

from gearbridge.errors import ConfigurationError
from gearbridge.records import Priority, StoredJob
from gearbridge.stores.database.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

#: What `--from` takes, for messages and help; what is in brackets is gearmand's default.
FORMS = (
    "gearmand+sqlite:///FILE[?table=gearman_queue]",
    "gearmand+postgresql://USER:PASSWORD@HOST/DATABASE[?table=queue]",
    "gearmand+mysql://USER:PASSWORD@HOST/DATABASE[?table=gearman_queue&charset=utf8mb4]",
    "gearmand+memcached://HOST:PORT,...[/gear_]",
    "gearmand+redis://[:PASSWORD@]HOST:PORT[/_gear_]",
)

_SCHEME = re.compile(r"gearmand\+(\w+)://")
#: Module that reads, by scheme.
_MODULES = {
    "sqlite": "gearmand_tables",
    "postgresql": "gearmand_tables",
    "postgres": "gearmand_tables",
    "mysql": "gearmand_tables",
    "mariadb": "gearmand_tables",
    "memcached": "gearmand_memcached",
    "redis": "gearmand_redis",
}
_UUID_KEY = re.compile(rb"(.+)-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.DOTALL | re.IGNORECASE)


class Queued(NamedTuple):
    """A job as gearmand keeps it; the types are what its queues hold, None included."""

    function: bytes | None
    unique_key: bytes | None
    priority: int | None
    payload: bytes | None
    due: int | None


def jobs_from(url: str, functions: Collection[bytes] = ()) -> Iterator[StoredJob]:
    """Read the jobs in the queue that a URL names, in the order in which gearmand took them, as far as it keeps it.

    `functions` are names with a dash in them, for memcached and Redis, whose keys are FUNCTION-UNIQUE. Raises
    ConfigurationError, at the first job, for a URL that names no queue, and for a queue that cannot be read.
    """
    scheme = _SCHEME.match(url)
    if scheme is None or scheme[1] not in _MODULES:
        raise ConfigurationError(
            f"{redacted(url)!r} is not a queue of gearmand's; it must be one of {', '.join(FORMS)}"
        )
    module = import_module(f"gearbridge.moving.{_MODULES[scheme[1]]}")
    read: Callable[[str, Collection[bytes]], Iterator[Queued]] = module.read
    return jobs_of(read(url.removeprefix("gearmand+"), functions))


def jobs_of(queue: Iterable[Queued]) -> Iterator[StoredJob]:
    """Convert a queue's entries to stored jobs."""
    times: Counter[bytes] = Counter()
    for queued in queue:
        # gearmand writes an empty payload as NULL, which its own SQLite queue then fails to read, for all jobs.
        payload = queued.payload or b""
        # A unique key of 64 bytes comes back with a NUL among its bytes; none can have been submitted with one.
        unique_key = (queued.unique_key or b"").replace(b"\0", b"")
        function = queued.function or b""
        priority = Priority.NORMAL if queued.priority not in (0, 1, 2) else Priority(queued.priority)
        due = max(queued.due or 0, 0)
        digest = _digest(function, unique_key, payload, b"%d %d" % (priority, due))
        times[digest] += 1
        handle = b"H:gearmand:" + (digest if times[digest] == 1 else b"%b-%d" % (digest, times[digest]))
        yield StoredJob(handle, function, payload, unique_key, int(priority), due)


def split_keys(keys: Iterable[bytes], functions: Collection[bytes]) -> dict[bytes, tuple[bytes, bytes]]:
    """Function and unique key of each key FUNCTION-UNIQUE.

    gearmand splits at the first dash, which gives the jobs of `a-b` to `a`. Here a key that ends in a UUID, as
    libgearman makes them, is split before it; names in `functions` count where they fit. Raises ConfigurationError
    where neither helps.
    """
    found = {key: _split(key, functions) for key in keys}
    parts = {key: pair for key, pair in found.items() if pair is not None}
    unclear = [key.decode("utf-8", "backslashreplace") for key, pair in found.items() if pair is None]
    if unclear:
        raise ConfigurationError(
            f"{len(unclear)} keys do not show where the function's name ends, such "
            f"as {', '.join(map(repr, unclear[:3]))}: "
            "name the functions that have a dash, and those whose unique keys have one, with --function"
        )
    return parts


def servers_of(url: str, port: int) -> tuple[SplitResult, list[tuple[str, int]]]:
    """The parts of a URL, and each HOST:PORT in it. Raises ConfigurationError where one is none."""
    parts = urlsplit(url)
    if "@" in url.removeprefix(f"{parts.scheme}://{parts.netloc}"):
        raise ConfigurationError(f"{redacted(url)}: write @ as %40 and / as %2F in the password")
    found = []
    for one in parts.netloc.rpartition("@")[2].split(","):
        try:
            place = urlsplit(f"//{one}")
            found.append((place.hostname or "127.0.0.1", place.port or port))
        except ValueError:
            raise ConfigurationError(f"{redacted(url)}: its servers are not HOST:PORT,...") from None
    return parts, found


def unreadable(url: str, why: object) -> ConfigurationError:
    """Return the exception for a queue that cannot be read."""
    return ConfigurationError(f"cannot read gearmand's queue in {redacted(url)}: {str(why).strip() or why!r}")


def _split(key: bytes, functions: Collection[bytes]) -> tuple[bytes, bytes] | None:
    for function in sorted(functions, key=len, reverse=True):
        if key.startswith(function + b"-"):
            return function, key[len(function) + 1 :]
    made = _UUID_KEY.fullmatch(key)
    if made:
        return made[1], made[2]
    function, _, unique_key = key.partition(b"-")
    if b"-" in unique_key and unique_key != b"-":  # the key - is "one for each payload"
        return None
    return function, unique_key


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    return digest.hexdigest()[:32].encode()
