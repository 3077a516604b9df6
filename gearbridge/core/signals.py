"""What a shell polls after it has called the engine: flags as plain attributes, so that a look costs no call."""

from __future__ import annotations


class Signals:
    """The flags of one engine. The core sets them; the call that answers a flag clears it.

    wants_tick: something timed is new, or there are notices: call `Engine.tick` now.
    wants_claim: there is room for jobs of the table where there was none, or jobs where there were none: call
        `Engine.claim_capacity`.
    wants_lookup: replies wait for the table: call `Engine.take_table_lookups`.
    lease_lost: what the table holds is not given out until `Engine.resume`.
    stop_asked: an admin command ends the server, "now" or "gracefully"; see `Engine.take_stop`.
    """

    __slots__ = ("lease_lost", "stop_asked", "wants_claim", "wants_lookup", "wants_tick")

    def __init__(self) -> None:
        self.wants_tick = False
        self.wants_claim = False
        self.wants_lookup = False
        self.lease_lost = False
        self.stop_asked: str | None = None
