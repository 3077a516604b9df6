"""Sleeping workers: woken with NOOP, once per sleep."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from gearbridge.wire.packets import NOOP

if TYPE_CHECKING:
    from .function import Function, FunctionWorker
    from .queue import JobQueue


def wake(function: Function, most: int) -> None:
    """Send NOOP to sleeping workers of a function; 0: to all."""
    if most:
        _wake_some(function, most)
        return
    for peer in [*function.sleepers, *function.wide]:
        if peer.sleeping:
            mark_awake(peer)
            peer.send(NOOP)


def _wake_some(function: Function, most: int) -> None:
    sleeping = (peer for peer in (*function.sleepers, *function.wide) if peer.sleeping)
    for peer in [*islice(sleeping, most)]:
        mark_awake(peer)
        peer.woken = function
        peer.send(NOOP)


def pass_on(queue: JobQueue, peer: FunctionWorker, taken: Function | None = None) -> None:
    """Wake another worker in the place of this one, which was woken for a job and takes one of `taken`, or none."""
    # gearmand: the job waits until another one comes.
    function, peer.woken = peer.woken, None
    if function is not None and function is not taken and queue.has_ready((function,)):
        _wake_some(function, 1)


def mark_awake(peer: FunctionWorker) -> None:
    """The peer sleeps no more."""
    peer.sleeping = False
    for function in peer.turns:
        function.sleepers.pop(peer, None)
