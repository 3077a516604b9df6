"""What changes while memory is short: background jobs that would stay in memory are refused, and none are claimed.

Foreground jobs go on. The dispatch table is changed, so that submits cost nothing more while there is enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.wire import commands
from gearbridge.wire.packets import error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .commands.client import Handler
    from .lifecycle import JobLifecycle
    from .peer import Peer

_SUBMITS = (
    commands.SUBMIT_JOB_BG,
    commands.SUBMIT_JOB_HIGH_BG,
    commands.SUBMIT_JOB_LOW_BG,
    commands.SUBMIT_JOB_EPOCH,
    commands.SUBMIT_JOB_SCHED,
    commands.SUBMIT_REDUCE_JOB_BACKGROUND,
)
SHORT_OF_MEMORY = error(b"QUEUE_ERROR", b"The server is short of memory")


class _Refusing:
    """Stands before a handler of submits. A job without a unique key may wait in the store's table all the same."""

    def __init__(self, submit: Handler, *, takes_all: bool) -> None:
        self.submit = submit
        self._takes_all = takes_all

    def __call__(self, peer: Peer, args: Sequence[bytes]) -> None:
        if self._takes_all and not args[1]:
            self.submit(peer, args)
        else:
            peer.take_trace()
            peer.send(SHORT_OF_MEMORY)


def set_short_of_memory(lifecycle: JobLifecycle, table: list[Handler], short: bool) -> None:
    """Begin or end the shortage; nothing happens where that is so already."""
    if short == lifecycle.short_of_memory or lifecycle.takes_no_more:
        return
    lifecycle.short_of_memory = short
    if short:
        lifecycle.window.close()
        takes_all = lifecycle.window.takes_all
        for command in _SUBMITS:
            table[command] = _Refusing(table[command], takes_all=takes_all)
        return
    lifecycle.window.reopen()
    lifecycle.signals.wants_claim = True
    for command in _SUBMITS:
        refusing = table[command]
        assert isinstance(refusing, _Refusing)
        table[command] = refusing.submit
