"""The dispatch table: a list of handlers indexed by command number, so that finding one is one look-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.wire.commands import LAST, MALFORMED, OUTCOMES, OVERSIZE, POISON, TEXT, UNKNOWN, WRONG_MAGIC
from gearbridge.wire.packets import error

from .commands.admin import AdminCommands
from .commands.client import ClientCommands
from .commands.oversize import Oversize
from .commands.work_reports import WorkReports
from .commands.worker import WorkerCommands

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .admission import Admission
    from .commands.client import Handler
    from .lifecycle import JobLifecycle
    from .peer import Peer

NOT_EXPECTED = error(b"INVALID_COMMAND", b"Command not expected")
MAGIC_EXPECTED = error(b"INVALID_MAGIC", b"Request magic expected")
TOO_FEW_ARGUMENTS = error(b"INVALID_PACKET", b"Packet has too few arguments")


def dispatch_table(lifecycle: JobLifecycle, admission: Admission, peers: Iterable[Peer]) -> list[Handler]:
    """Return the handlers of all outcomes of the parser; `peers` are all connections."""
    table: list[Handler] = [_answer(NOT_EXPECTED)] * OUTCOMES
    known = ClientCommands(lifecycle, admission).table()
    known |= WorkerCommands(lifecycle).table() | WorkReports(lifecycle).table()
    for command, handler in known.items():
        assert 0 < command <= LAST
        table[command] = handler
    table[TEXT] = AdminCommands(lifecycle, peers).line
    table[WRONG_MAGIC] = _answer(MAGIC_EXPECTED)
    table[UNKNOWN] = _answer(NOT_EXPECTED)
    table[MALFORMED] = _answer(TOO_FEW_ARGUMENTS)
    table[OVERSIZE] = Oversize(lifecycle).refuse
    table[POISON] = _refuse_and_close
    return table


def _answer(packet: bytes) -> Handler:
    def answer(peer: Peer, _args: Sequence[bytes]) -> None:
        peer.send(packet)

    return answer


def _refuse_and_close(peer: Peer, args: Sequence[bytes]) -> None:
    peer.send(error(*args))
    peer.close()
