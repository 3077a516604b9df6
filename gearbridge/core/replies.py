"""Packets that several parts of the core send: that a job was created, and what all its clients are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.wire import commands
from gearbridge.wire.packets import HEADER_SIZE, response

if TYPE_CHECKING:
    from .jobs import Job


class _CreatedHeaders(dict[int, bytes]):
    """Headers of JOB_CREATED by the handle's length; handles are nearly all of one length."""

    def __missing__(self, size: int) -> bytes:
        header = self[size] = response(commands.JOB_CREATED, bytes(size))[:HEADER_SIZE]
        return header


_created_headers = _CreatedHeaders()


def created(handle: bytes) -> bytes:
    """JOB_CREATED. One for each submit, so each header is made once."""
    return _created_headers[len(handle)] + handle


def tell(job: Job, packet: bytes) -> None:
    """Send a packet to every client that waits for the job."""
    if job.clients:
        for client in job.clients:
            client.send(packet)
