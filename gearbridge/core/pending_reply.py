"""Replies that wait for the store: for a commit, or for a look at the job table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from gearbridge.records import WaitingJob

    Answer = Callable[[bytes, WaitingJob | None], bytes]

#: The error of a store for which there is no other.
NO_ANSWER = "it does not answer"


class Holder(Protocol):
    """A connection that was promised a reply, which holds everything behind it."""

    def release(self) -> None:
        """Move what no longer waits to the outbox."""


class PendingReply:
    """A reply that waits for a commit. All peers whose submit became this job hold the same one."""

    __slots__ = ("peers", "reply")

    def __init__(self) -> None:
        self.reply: bytes | None = None
        self.peers: list[Holder] = []


class TableLookup(NamedTuple):
    """A lookup of one job, with the replies for a found job and for a table that cannot be asked."""

    handle: bytes
    answer: Answer
    failed: Callable[[str], bytes]
    ticket: PendingReply

    @property
    def is_answered(self) -> bool:
        """Return whether the reply was given: each lookup has one."""
        return self.ticket.reply is not None
