"""What a bridge shows of itself. It reads the bridge's own figures; nothing is kept or counted here."""

from __future__ import annotations

import time
from copy import copy
from typing import TYPE_CHECKING, NamedTuple

from gearbridge.bridge.tally import Tally
from gearbridge.stores.database.redaction import redacted

from .monitor import StoreSnapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gearbridge.bridge.daemon import Daemon


class JobServerSnapshot(NamedTuple):
    """A job server. `trouble`: why it could not be reached when it was last tried."""

    server: str
    connected: bool
    trouble: str | None


class InFlightSnapshot(NamedTuple):
    """Counts of claimed jobs that wait until they are due, for a job server, and for the job server's replies."""

    later: int = 0
    ready: int = 0
    sent: int = 0


class WaitingSnapshot(NamedTuple):
    """The unclaimed jobs of a function in the table: ready ones, those due later, the age of the oldest in seconds."""

    waiting: int = 0
    scheduled: int = 0
    oldest: float | None = None


def sum_of(functions: Iterable[WaitingSnapshot]) -> WaitingSnapshot:
    """Return what waits of these functions together."""
    some = list(functions)
    ages = [one.oldest for one in some if one.oldest is not None]
    return WaitingSnapshot(
        sum(one.waiting for one in some), sum(one.scheduled for one in some), max(ages, default=None)
    )


class BridgeView:
    """Called in the event loop; nothing of it blocks. Names are bytes, as in Gearman. Counts begin with the table."""

    kind = "bridge"

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.database = redacted(daemon.config.database)
        self.follow = daemon.config.follow

    @property
    def active(self) -> bool:
        """Return whether it has the table."""
        return self._daemon.bridge is not None

    def state(self) -> str:
        """In two words at most."""
        if self._daemon.stopping:
            return "stopping"
        if self.active:
            return "working"
        return "standing by" if self._daemon.standby.waits else "starting"

    def not_ready(self) -> str | None:
        """Return what is wrong; None where nothing is. Standing by is not wrong."""
        daemon, bridge = self._daemon, self._daemon.bridge
        if daemon.stopping:
            return "the bridge is stopping"
        if bridge is None:
            return daemon.standby.trouble if daemon.standby.waits else "the bridge is starting"
        if bridge.trouble is not None:
            how = "is full" if bridge.committer.is_full else "cannot be reached"
            return f"the database {how}: {bridge.trouble}"
        return None if bridge.job_server is not None else "no job server can be reached"

    def servers(self) -> list[JobServerSnapshot]:
        """The job servers, in the order in which jobs go to them."""
        bridge = self._daemon.bridge
        connected = None if bridge is None else bridge.job_server
        return [
            JobServerSnapshot(str(address), address == connected, trouble)
            for address, trouble in self._daemon.servers.troubles()
        ]

    def functions(self) -> list[tuple[bytes, Tally]]:
        """The functions, in the order in which they became known, and what was counted of each until now."""
        bridge = self._daemon.bridge
        return [] if bridge is None else [(name, copy(one)) for name, one in bridge.relay.tallies.functions.items()]

    def waiting(self) -> dict[bytes, WaitingSnapshot]:
        """Return what waits in the table unclaimed, by function."""
        bridge = self._daemon.bridge
        if bridge is None:
            return {}
        now = time.time() + bridge.clock_offset
        return {
            name: WaitingSnapshot(
                one.waiting, one.scheduled, None if one.oldest is None else max(0.0, now - one.oldest)
            )
            for name, one in bridge.waiting.functions.items()
        }

    def counted(self) -> float | None:
        """Return for how many seconds changes by other sessions may be missing in that; None where it is unknown."""
        bridge = self._daemon.bridge
        since = None if bridge is None else bridge.waiting.since
        return None if since is None else max(0.0, time.monotonic() - since)

    def forgotten(self) -> Tally:
        """Return the counts of functions that are not known any more."""
        bridge = self._daemon.bridge
        return Tally() if bridge is None else copy(bridge.relay.tallies.forgotten)

    def in_hand(self) -> InFlightSnapshot:
        """Return the claimed jobs, by what they wait for."""
        bridge = self._daemon.bridge
        return InFlightSnapshot() if bridge is None else InFlightSnapshot(*bridge.relay.in_hand)

    def store(self) -> StoreSnapshot | None:
        """The database with the job table; None while somebody else has that."""
        bridge = self._daemon.bridge
        if bridge is None:
            return None
        committer, journal = bridge.committer, bridge.relay.journal
        sizes, seconds = committer.sizes.copy(), committer.seconds.copy()
        kept = committer.kept
        return StoreSnapshot(
            self.database,
            True,
            bridge.trouble,
            committer.is_full,
            journal.size,
            kept,
            journal.unsettled + kept,
            sizes,
            seconds,
        )
