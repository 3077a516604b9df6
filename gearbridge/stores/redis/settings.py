"""Settings of a Redis or Valkey: what they promise to jobs, and how long a value may be."""

from __future__ import annotations

from typing import Any

#: With these Redis has forced what it answered for to its disk.
_DURABLE = {"appendonly": "yes", "appendfsync": "always", "no-appendfsync-on-rewrite": "no"}
#: The same in words.
NEEDED = ", ".join(f"{name} {value}" for name, value in _DURABLE.items())
#: Settings that limit a value, with Redis's own defaults.
_LIMITS = {"proto-max-bulk-len": 512 << 20, "client-query-buffer-limit": 1 << 30}
_MEMORY, _POLICY = "maxmemory", "maxmemory-policy"


def read_settings(client: Any) -> dict[str, str]:
    """Ask for those settings that matter here. Raises redis-py's errors."""
    # One at a time: before version 7 Redis takes no more.
    asked = [client.config_get(name) for name in (*_DURABLE, *_LIMITS, _MEMORY, _POLICY)]
    return {name: value for one in asked for name, value in one.items()}


def weak_settings(settings: dict[str, str]) -> list[str]:
    """Those because of which jobs do not survive Redis's own end, as they are or as unknown."""
    return [f"{name} {settings.get(name, 'unknown')}" for name in _DURABLE if settings.get(name) != _DURABLE[name]]


def evicts_jobs(settings: dict[str, str]) -> bool:
    """Return whether Redis throws away jobs when its memory is full. Most policies only take what has an expiry."""
    return settings.get(_MEMORY, "0") != "0" and settings.get(_POLICY, "").startswith("allkeys")


def longest_value(settings: dict[str, str]) -> int:
    """Bytes of the longest value that fits into a command."""
    return min(int(settings.get(name, most)) for name, most in _LIMITS.items())
