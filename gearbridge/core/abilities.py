"""The functions that a worker can do: registered with CAN_DO, given up, and left when it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .function import NO_SLEEPERS, NO_WORKERS
from .wide_worker import WideWorker

if TYPE_CHECKING:
    from .function import Function, FunctionWorker
    from .peer import Peer

#: A worker of more functions than this is a WideWorker. The first job of a function costs something for each of those.
MOST_NARROW = 32


def register(peer: Peer, function: Function, timeout: int) -> bool:
    """Let a worker do a function, with a time-out in milliseconds (0: none). False: it could already."""
    if peer in function.workers:
        if function.workers[peer] != timeout:
            _own_workers(function)[peer] = timeout
        return False
    if peer.wide is None and len(peer.functions) >= MOST_NARROW:
        _widen(peer)
    if peer.wide is not None:
        peer.wide.add(function)
        if not function.workers:
            function.workers = peer.wide.alone(timeout)
            return True
    else:
        peer.functions[function] = len(peer.functions)
        peer.turns = (*peer.turns, function)
        if peer.sleeping:
            if function.sleepers is NO_SLEEPERS:
                function.sleepers = {}
            function.sleepers[peer] = None
    _own_workers(function)[peer] = timeout
    return True


def unregister(peer: Peer, function: Function) -> None:
    """Let a worker do a function no more; functions take turns from the first one on."""
    workers = function.workers
    if peer.wide is not None and peer.wide.shares(workers):
        function.workers = NO_WORKERS
    else:
        _own_workers(function).pop(peer)
        if not function.workers:
            function.workers = NO_WORKERS
    if function.sleepers:
        function.sleepers.pop(peer, None)
    if peer.wide is not None:
        peer.wide.discard(function)
        if not peer.functions:
            peer.wide = None
    else:
        del peer.functions[function]
        peer.turns = tuple(peer.functions)
        peer.functions = {one: place for place, one in enumerate(peer.turns)}
    peer.turn = 0


def _widen(peer: Peer) -> None:
    for function in peer.turns:
        if function.sleepers:
            function.sleepers.pop(peer, None)
    functions, peer.functions, peer.turns = peer.turns, {}, ()
    peer.wide = WideWorker(peer)
    for function in functions:
        peer.wide.add(function)


def _own_workers(function: Function) -> dict[FunctionWorker, int]:
    workers = function.workers
    if workers is NO_WORKERS:
        workers = function.workers = {}
    elif len(workers) == 1:
        only = next(iter(workers))
        if only.wide is not None and only.wide.shares(workers):
            workers = function.workers = {**workers}
    return workers
