"""A job that a bridge has claimed, with the packet that submits it to the job server. No socket, no clock."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from gearbridge.client.session import BACKGROUND, FOREGROUND
from gearbridge.core.enqueued import EnqueuedJob
from gearbridge.records import ENQUEUED
from gearbridge.traceparent import split_trace

if TYPE_CHECKING:
    from gearbridge.records import ClaimedJob

    from .tally import Tally

#: Bytes of a unique key that gearmand holds; and of a longer one's hash.
_MAX_KEY = 63
_HASH_LENGTH = 40


def joining_key(handle: bytes, life: bytes) -> bytes:
    """Return the unique key under which a job server knows the job; gman_complete takes it, too."""
    key = b"%b@%b" % (handle, life)
    # Longer ones have handles that no SQL function gave: jobs that a job server left in the table.
    return key if len(key) <= _MAX_KEY else ENQUEUED + sha256(key).hexdigest().encode()[:_HASH_LENGTH]


class Flight(EnqueuedJob):
    """A job that the bridge has claimed. `followed`: its end is waited for; `tally` is its function's."""

    __slots__ = ("asked", "followed", "job_server_handle", "key", "tally", "warning")

    def __init__(self, claimed: ClaimedJob, tally: Tally, *, follow: bool) -> None:
        super().__init__(claimed, claimed.function)
        self.tally = tally
        self.key = joining_key(claimed.handle, claimed.life)
        # An equal unique key makes one job of two until it is finished, so a job with one is followed to that end.
        self.followed = follow or self.keep_result or self.max_attempts > 1 or bool(self.unique_key)
        self.job_server_handle = b""  # while the job server has it, and it is followed
        self.warning = b""  # the last one of its worker
        self.asked = False  # whether it was there already when it was last looked after

    @property
    def command(self) -> int:
        """The packet to submit it with."""
        return (FOREGROUND if self.followed else BACKGROUND)[self.priority]

    @property
    def arguments(self) -> tuple[bytes, bytes, bytes]:
        """That packet's arguments."""
        return self.function, self.key, self.payload

    @property
    def traceparent(self) -> bytes:
        """Return the packet to send ahead of the submission, where there is one."""
        return split_trace(self.reducer)[1] if self.reducer else b""

    def begin_anew(self) -> None:
        """Discard all that a job server reported about it."""
        self.job_server_handle = b""
        self.asked = False
        self.begin_result()
