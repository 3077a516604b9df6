"""Which server a client's jobs go to: in what order, and which are dead. It knows no connection, no clock.

Rules of this file:
1. Jobs go to the first server that answers.
2. A server that could not be reached is left alone for DEAD_FOR seconds, unless there is no other.

Times are values of any one clock, in seconds. This file runs inside PostgreSQL too: standard library only, Python 3.9
and later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ServersUnreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .connection import Address

#: How long a server that could not be reached is left alone while another one answers, in seconds.
DEAD_FOR = 5.0


class ServerOrder:
    """The servers at `addresses`, in their order, and what is known of them."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self.addresses = addresses
        self._dead: dict[Address, tuple[float, str]] = {}  # when it was tried, and why that failed

    def order(self, now: float) -> list[Address]:
        """All servers, in the order in which to try them: the dead ones come last."""
        return sorted(self.addresses, key=lambda address: self.resting(address, now))

    def resting(self, address: Address, now: float) -> bool:
        """Return whether this server is not to be tried now."""
        return address in self._dead and now < self._dead[address][0] + DEAD_FOR

    def failed(self, address: Address, now: float, reason: str) -> None:
        """Count a server as dead."""
        self._dead[address] = (now, reason)

    def reached(self, address: Address) -> None:
        """Count a server as well again."""
        self._dead.pop(address, None)

    def trouble(self, address: Address) -> str | None:
        """Return the error of the last attempt to reach this server; None after a success, or without an attempt."""
        return self._dead[address][1] if address in self._dead else None

    def unreachable(self) -> ServersUnreachable:
        """Make the exception that names each server and why; call it when all have failed."""
        reasons = ", ".join(f"{address} ({self.trouble(address)})" for address in self.addresses)
        return ServersUnreachable(f"no job server can be reached: {reasons}")
