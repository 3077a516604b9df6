"""The order of foreground jobs behind background jobs that are not durable yet.

Workers cannot get a background job until it is stored; a foreground job needs no store. So that a connection's jobs of
one function are given out in the order in which it submitted them, as they are without a store, a foreground job waits
for the background job before it. Its client does not wait longer for that: its JOB_CREATED is behind the other's
anyway. While the store is away that is for as long as a background submit waits (`--store-patience`).

Foreground jobs of a connection that has no reply to wait for go on, whatever others submit. Jobs that wait in the job
table (beyond the window, or for any of several nodes) are not waited for: that may take for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .jobs import STORING

if TYPE_CHECKING:
    from .jobs import Job


class SubmissionOrder:
    """The foreground jobs that wait for a background job of their function to be stored. They are STORING meanwhile."""

    def __init__(self) -> None:
        self.followers: dict[Job, list[Job]] = {}  # by the background job that they wait for

    def follow(self, job: Job, before: Job) -> None:
        """Let a foreground job wait for this background job, whose Put is in the journal."""
        self.followers.setdefault(before, []).append(job)

    def settled(self, job: Job) -> list[Job]:
        """Return the jobs that waited for this one, which is stored, or refused, or was cancelled before."""
        followers = self.followers.pop(job, ())
        return [follower for follower in followers if follower.state == STORING]  # not left by its client since
