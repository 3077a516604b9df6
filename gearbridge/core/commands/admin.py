"""The text protocol of admin tools, with gearmand's exact output, mixed line ends included.

A line is split on spaces alone; its first word chooses the handler, letters of either case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.records import MAX_FUNCTION

from ..peer import OthersTurn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gearbridge.records import WaitingJob

    from ..lifecycle import JobLifecycle
    from ..peer import Peer

    Words = Sequence[bytes]

OK = b"OK\r\n"
END = b".\n"
UNKNOWN_JOB = b"ERR UNKNOWN_JOB\r\n"
#: A line of more words than this closes the connection, as in gearmand: it is no admin tool that talks.
MAX_WORDS = 5
#: The commands that change something; where Settings.admin_from names networks they are taken from those alone.
CHANGING = frozenset({b"cancel", b"create", b"drop", b"maxqueue", b"shutdown"})
#: The commands whose answer may be long, and take long to make.
LISTING = frozenset({b"status", b"prioritystatus", b"workers", b"show"})
NOT_PERMITTED = b"ERR NOT_PERMITTED Commands+that+change+something+are+not+taken+from+this+address\r\n"

#: Largest limit of maxqueue; a larger one is as good as none, and this is what the store's column takes.
MAX_LIMIT = 2**31 - 1

#: A record of TLS that begins a handshake.
_TLS_HELLO = b"\x16\x03"
_CONTROL = bytes.maketrans(bytes(range(32)) + b"\x7f", b"?" * 33)


class AdminCommands:
    """Answers text lines. `peers` are all connections, for `workers`."""

    def __init__(self, lifecycle: JobLifecycle, peers: Iterable[Peer]) -> None:
        self._lifecycle = lifecycle
        self._queue = lifecycle.queue
        self._peers = peers
        self._table: dict[bytes, Callable[[Words], bytes | None]] = {
            b"version": self._version,
            b"getpid": self._getpid,
            b"verbose": self._verbose,
            b"status": self._status,
            b"prioritystatus": self._priority_status,
            b"workers": self._workers,
            b"show": self._show,
            b"nodes": self._nodes,
            b"counted": self._counted,
            b"cancel": self._cancel,
            b"create": self._create,
            b"drop": self._drop,
            b"maxqueue": self._maxqueue,
        }
        if lifecycle.settings.allow_shutdown:
            self._table[b"shutdown"] = self._shutdown

    def line(self, peer: Peer, args: Sequence[bytes]) -> None:
        """Handle one text line, given without its line end."""
        words = [word for word in args[0].split(b" ") if word]  # a tabulator may be part of a name
        if len(words) > MAX_WORDS:
            peer.close()
        word = words[0] if words else b""
        name = word.lower()
        handler = self._table.get(name)
        if handler is None:
            # A web page of any origin can have its visitor's browser send a body of its choice to this port; in the
            # hello of TLS a web server chooses the ticket.
            if (len(words) > 1 and words[-1].startswith(b"HTTP/")) or word.startswith(_TLS_HELLO):
                peer.close()
            peer.send(_unknown(word))
        elif self._lifecycle.crowded and name in LISTING:
            raise OthersTurn
        elif name in CHANGING and not self._lifecycle.settings.may_change(peer.address):
            peer.send(NOT_PERMITTED)
        elif (answer := handler(words)) is not None:
            peer.answer(answer)
        else:  # about a job that only the table can know
            self._lifecycle.lookups.ask(peer, words[2], self._cancel_spilled, _cannot_ask)

    def _version(self, _words: Words) -> bytes:
        return b"OK %b\n" % self._lifecycle.settings.version.encode()

    def _getpid(self, _words: Words) -> bytes:
        return b"OK %d\n" % self._lifecycle.settings.process_id

    def _verbose(self, _words: Words) -> bytes:
        return b"OK %b\n" % self._lifecycle.settings.log_level.encode()

    def _status(self, _words: Words) -> bytes:
        lines = [
            b"%b\t%d\t%d\t%d\n" % (shown(name), function.unfinished, function.running, len(function.workers))
            for name, function in self._queue.functions.items()
        ]
        return b"".join(lines) + END

    def _priority_status(self, _words: Words) -> bytes:
        lines = [
            b"%b\t%d\t%d\t%d\t%d\n"
            % (shown(name), function.waiting(0), function.waiting(1), function.waiting(2), len(function.workers))
            for name, function in self._queue.functions.items()
        ]
        return b"".join(lines) + END

    def _workers(self, _words: Words) -> bytes:
        lines = []
        for peer in self._peers:
            names = b"".join(b" " + shown(function.name) for function in reversed(peer.functions))
            # gearmand writes the colon followed by a space for each name, and " :" alone where there are none.
            lines.append(b"%d %b %b :%b\n" % (peer.number, peer.address.encode(), shown(peer.client_id), names))
        return b"".join(lines) + END

    def _nodes(self, _words: Words) -> bytes:
        # gearmand has none. Seconds of lease, claimed jobs, workers, version; a star is the one that answers.
        lines = [
            f"{node.name}\t{node.lease:.1f}\t{node.jobs}\t{node.workers}\t{node.version}\t{'*' if node.mine else '-'}\n"
            for node in self._lifecycle.nodes
        ]
        return "".join(lines).encode() + END

    def _counted(self, _words: Words) -> bytes:
        # gearmand has no job table. Seconds for which changes of other sessions may be missing in the counts of it.
        since = self._lifecycle.counted_since
        return b"OK -\n" if since is None else b"OK %.1f\n" % max(0.0, self._queue.now - since)

    def _show(self, words: Words) -> bytes:
        what = [word.lower() for word in words[1:]]
        if not what:
            return _unknown(words[0])
        jobs = self._queue.jobs.values()
        if what == [b"jobs"]:
            lines = [
                b"%b\t%d\t%d\t%d\n"
                # IGNORE_JOB is always 0 here: an abandoned job is gone, not ignored.
                % (job.handle, job.attempts, 0, 1 if job.background else 0)
                for job in jobs
            ]
        elif what == [b"unique", b"jobs"]:
            # A key that is a dot would end the list for its reader; a space behind it is not seen.
            lines = [(b". \n" if job.unique_key == b"." else shown(job.unique_key) + b"\n") for job in jobs]
        else:
            return b"ERR UNKNOWN_SHOW_ARGUMENTS\r\n"
        return b"".join(lines) + END

    def _cancel(self, words: Words) -> bytes | None:
        if len(words) < 3:
            return _unknown(words[0])
        if len(words) != 3 or words[1].lower() != b"job":
            return b"ERR UNKNOWN_ERROR\r\n"
        job = self._queue.jobs.get(words[2])
        if job is None:
            return None if self._lifecycle.window.may_hold(words[2]) else UNKNOWN_JOB
        # The worker of a running job gets no packet, and its later reports are ignored. gearmand forwards that, so that
        # the client gets two ends of the same job.
        self._lifecycle.cancel(job)
        return OK

    def _cancel_spilled(self, handle: bytes, found: WaitingJob | None) -> bytes:
        job = self._queue.jobs.get(handle)
        if job is not None:  # it was claimed meanwhile
            self._lifecycle.cancel(job)
        elif found is None or handle in self._lifecycle.window.cancelled:
            return UNKNOWN_JOB
        else:
            self._lifecycle.cancel_spilled(found)
        return OK

    def _create(self, words: Words) -> bytes:
        if len(words) != 3 or words[1].lower() != b"function":
            return _incomplete(words)
        if not self._may_know(words[2]):
            return _refused(words[2])
        self._queue.function(words[2])
        return OK

    def _drop(self, words: Words) -> bytes:
        if len(words) != 3 or words[1].lower() != b"function":
            return _incomplete(words)
        function = self._queue.functions.get(words[2])
        if function is None:
            return b"ERR function not found\r\n"
        # gearmand drops a function with queued jobs and loses them; here that is refused in the words it has for it.
        if function.unfinished or function.workers:
            return b"ERR there are still connected workers or executing clients\r\n"
        self._queue.drop_function(words[2])
        return OK

    def _maxqueue(self, words: Words) -> bytes:
        if not 2 <= len(words) <= 5:
            return _incomplete(words)
        if not self._may_know(words[1]):
            return _refused(words[1])
        limits = [_limit(word) for word in words[2:]]
        if len(limits) <= 1:
            limits = (limits or [0]) * 3
        # gearmand answers OK for an unknown function and forgets it; here the limit holds from then on.
        high, normal, low = [*limits, 0][:3]
        self._queue.function(words[1]).limits = [high, normal, low]
        if self._lifecycle.shared:
            self._lifecycle.limits[words[1]] = (high, normal, low)
        return OK

    def _may_know(self, name: bytes) -> bool:
        return len(name) <= MAX_FUNCTION and b"\0" not in name and self._queue.has_room_for(name)

    def _shutdown(self, words: Words) -> bytes:
        # gearmand had this until 1.1.15, for everyone, and answered with LF alone.
        if len(words) > 2 or (len(words) == 2 and words[1].lower() != b"graceful"):
            return _incomplete(words)
        self._lifecycle.signals.stop_asked = "gracefully" if len(words) == 2 else "now"
        return b"OK\n"


def shown(name: bytes) -> bytes:
    """A name as one field of a line: control characters, which would forge fields and lines, become question marks."""
    return name.translate(_CONTROL)


def _cannot_ask(why: str) -> bytes:
    return b"ERR QUEUE_ERROR %b\r\n" % why.replace(" ", "+").encode("ascii", "replace").translate(_CONTROL)


def _limit(word: bytes) -> int:
    if not word.isdigit():
        return 0
    return int(word) if len(word) < 10 else MAX_LIMIT


def _refused(name: bytes) -> bytes:
    if len(name) > MAX_FUNCTION:
        return b"ERR ARGUMENT_TOO_LARGE Function+name+too+large\r\n"
    return b"ERR QUEUE_ERROR Too+many+functions+are+known,+or+this+is+no+name+of+one\r\n"


def _unknown(word: bytes) -> bytes:
    return b"ERR UNKNOWN_COMMAND Unknown+server+command%b\r\n" % word.translate(_CONTROL)


def _incomplete(words: Words) -> bytes:
    return b"ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+%b\r\n" % words[0].translate(
        _CONTROL
    )
