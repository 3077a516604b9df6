"""A bridge's settings, each described once; the command line reads its help from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gearbridge.persistence.retention import KEEP_DONE, KEEP_FAILED
from gearbridge.wire.parser import MAX_PACKET

if TYPE_CHECKING:
    from gearbridge.client.tls import Tls

#: Claimed jobs of one function at a time: jobs that are only handed over leave within milliseconds, those that are
#: followed stay until they are done.
HAND_OVER_WINDOW = 4000
FOLLOW_WINDOW = 1000
#: Bytes of claimed payload at a time; beyond them one job at a time.
WINDOW_BYTES = 128 << 20


@dataclass(frozen=True)
class BridgeConfig:
    """database: URL of the database with the job table.
    servers: "host:port" of each job server; jobs go to the first that answers.
    tls: how to speak TLS with the job servers; None is without.
    functions: patterns of shell style; jobs of other functions are left in the table.
    follow: follow every job to its end, not only those that have something to be written back.
    window: how many jobs of one function are claimed at a time; 0 is HAND_OVER_WINDOW, or FOLLOW_WINDOW with `follow`.
    keep_done, keep_failed: days for which the table keeps what is finished: with its result, where that was asked for,
        and where it failed for good; below 0 is for ever.
    max_packet: largest packet sent, in bytes; a job that needs a larger one has failed.
    """

    database: str
    servers: tuple[str, ...]
    tls: Tls | None = None
    functions: tuple[str, ...] = ("*",)
    follow: bool = False
    window: int = 0
    keep_done: float = KEEP_DONE
    keep_failed: float = KEEP_FAILED
    max_packet: int = MAX_PACKET

    def jobs_in_hand(self) -> int:
        """The window, whether it was given or not."""
        return self.window or (FOLLOW_WINDOW if self.follow else HAND_OVER_WINDOW)
