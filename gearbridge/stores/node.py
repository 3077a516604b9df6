"""What a server is called among those that share a store."""

from __future__ import annotations

from typing import NamedTuple


class Node(NamedTuple):
    """A server's name, which no other has, for how many seconds it leases its jobs, and its gearbridge's version."""

    name: str
    lease: float
    version: str
