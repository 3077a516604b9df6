"""The worker's half of one connection: grab, sleep, wake, finish. It knows no socket, no clock and no other server.

Rules of this file:
1. One job at a time: GRAB_JOB_UNIQ is sent only when no answer to the last one is due and no job runs.
2. Right behind a job's end goes GRAB_JOB_UNIQ or PRE_SLEEP, in the same bytes. gearmand stops the job's timer
   (CAN_DO_TIMEOUT) only then; a timer left behind fires on freed memory there.
3. A job ends with one packet. WORK_EXCEPTION ends it too: gearmand answers a WORK_FAIL behind it with JOB_NOT_FOUND,
   and itself makes WORK_FAIL of it for clients that did not ask for exceptions.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING

from ..errors import ProtocolError
from ..wire import commands as c
from ..wire.packets import GRAB_JOB_UNIQ, PRE_SLEEP, RESPONSE_MAGIC, request
from ..wire.parser import Packet, PacketParser
from .session import MAX_BODY, name_packet

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(Enum):
    """The state of a worker's connection."""

    AWAKE = "may ask for a job"
    ASKED = "waits for the answer to GRAB_JOB_UNIQ"
    BUSY = "runs a job"
    ASLEEP = "will be woken by NOOP"


class WorkerSession:
    """One connection's conversation. Every method but `receive` returns bytes that must be sent, in order."""

    __slots__ = ("_parser", "_told", "handle", "state", "traceparent")

    def __init__(self) -> None:
        self._parser = PacketParser(RESPONSE_MAGIC, MAX_BODY)
        self.state = State.AWAKE
        self.handle = b""  # of the running job
        self.traceparent = b""  # of the running job; empty where none was sent
        self._told: Mapping[bytes, float | None] = {}  # the abilities last sent to the server

    def introduce(self, client_id: bytes, functions: Mapping[bytes, float | None]) -> bytes:
        """Send the client id and the abilities. `functions` gives each one's timeout in seconds, or None."""
        asking = request(c.SET_CLIENT_ID, client_id) + request(c.OPTION_REQ, c.OPTION_TRACE)
        return asking + self.announce(functions)

    def announce(self, functions: Mapping[bytes, float | None]) -> bytes:
        """Send the abilities that changed since they were last sent."""
        if functions is self._told:
            return b""
        told, self._told = self._told, functions
        packets = [request(c.CANT_DO, name) for name in told if name not in functions]
        for name, timeout in functions.items():
            if name in told:
                if told[name] == timeout:
                    continue
                packets.append(request(c.CANT_DO, name))  # gearmand counts a worker twice that can do a thing twice
            if timeout is None:
                packets.append(request(c.CAN_DO, name))
            else:
                packets.append(request(c.CAN_DO_TIMEOUT, name, b"%d" % math.ceil(timeout * 1000)))
        if packets and self.state is State.ASLEEP:
            packets.append(PRE_SLEEP)  # there may be jobs already, for which a sleeper would get no NOOP
        return b"".join(packets)

    def grab(self) -> bytes:
        """Ask for a job."""
        assert self.state is State.AWAKE
        self.state = State.ASKED
        return GRAB_JOB_UNIQ

    def sleep(self) -> bytes:
        """Ask to be woken when there is a job; the server wakes at once if there is one already."""
        assert self.state is State.AWAKE
        self.state = State.ASLEEP
        return PRE_SLEEP

    def finish(self, command: int, *args: bytes, grab: bool) -> bytes:
        """End the running job by WORK_COMPLETE, WORK_FAIL or WORK_EXCEPTION; then grab the next one, or sleep.

        The reason of a WORK_FAIL, which has no place in it, goes ahead of it as a WORK_WARNING.
        """
        assert self.state is State.BUSY
        if command == c.WORK_FAIL and args:
            packet = request(c.WORK_WARNING, self.handle, *args) + request(command, self.handle)
        else:
            packet = request(command, self.handle, *args)
        self.state = State.AWAKE
        self.handle = self.traceparent = b""
        return packet + (self.grab() if grab else self.sleep())

    def receive(self, data: bytes) -> list[Packet]:
        """Take bytes from the server; return its packets: JOB_ASSIGN_UNIQ, NO_JOB, NOOP or ERROR. Raises ProtocolError.

        `state` is then what the last packet made it. An ERROR changes nothing: it is about something sent before,
        usually a job that the server had given to another worker meanwhile.
        """
        packets = []
        for command, args in self._parser.feed(data):
            if command == c.OPTION_RES:  # traces will be sent, or this is the one of the job that comes next
                self.traceparent = args[0].partition(b"=")[2]
                continue
            if command == c.ERROR and args[0] == b"UNKNOWN_OPTION":
                continue  # no traces here: the worker asks for no other option
            packets.append((command, args))
            if command == c.JOB_ASSIGN_UNIQ and self.state is State.ASKED:
                self.state = State.BUSY
                self.handle = args[0]
            elif command == c.NO_JOB and self.state is State.ASKED:
                self.state = State.AWAKE
            elif command == c.NOOP:
                if self.state is State.ASLEEP:
                    self.state = State.AWAKE
            elif command != c.ERROR:
                came = name_packet(command, args)
                raise ProtocolError(f"the server sent {came}, and this worker {self.state.value}")
        return packets
