"""Bytes that no sane peer sends: random packets, spoilt conversations, odd lines. It knows no socket.

Everything comes from one random generator, so that a seed repeats it. Names and keys are few, so that peers meet;
handles are those that were learnt from a server's answers.
"""

from __future__ import annotations

import random
import struct

from gearbridge.wire.commands import COMMANDS, JOB_ASSIGN, JOB_ASSIGN_ALL, JOB_ASSIGN_UNIQ, JOB_CREATED
from gearbridge.wire.packets import request

FUNCTIONS = [b"f", b"g", b"", b"\xff\xfe", b"long" * 128, b"a b\tc"]
KEYS = [b"", b"-", b"u", b"v", b"\xff", b"k" * 255, b"k" * 256]
NUMBERS = [b"0", b"1", b"-1", b"1000", b"4294967296", b"9" * 30, b"abc", b"", b"*", b"1700000000"]
LINES = [b"status", b"workers", b"show jobs", b"show unique jobs", b"prioritystatus", b"version", b"getpid", b"verbose"]
LINES += [b"maxqueue f 3", b"maxqueue f", b"create function h", b"drop function f", b"cancel job H:x:1", b"a b c d e f"]
LINES += [b"", b" ", b"\xff\xfe", b"x" * 9000, b"shutdow", b"STATUS\r", b"maxqueue"]
#: Arguments by their name in the command table; any other is a number.
WORDS = {"function": FUNCTIONS, "reducer": FUNCTIONS, "unique_key": KEYS, "option": [b"exceptions", b"x", b""]}
#: How often each way to speak is chosen.
WAYS = {"packet": 10, "conversation": 6, "spoilt": 4, "line": 2, "noise": 1, "announcement": 1}
CONVERSATIONS = [
    ["SUBMIT_JOB", "GET_STATUS"],
    ["SUBMIT_JOB_BG", "SUBMIT_JOB_BG", "GET_STATUS_UNIQUE"],
    ["CAN_DO", "GRAB_JOB", "WORK_STATUS", "WORK_COMPLETE"],
    ["CAN_DO", "GRAB_JOB_UNIQ", "WORK_DATA", "WORK_EXCEPTION", "WORK_FAIL"],
    ["CAN_DO_TIMEOUT", "GRAB_JOB_ALL", "WORK_WARNING", "WORK_FAIL"],
    ["CAN_DO", "PRE_SLEEP", "GRAB_JOB", "CANT_DO", "WORK_COMPLETE"],
    ["OPTION_REQ", "SUBMIT_REDUCE_JOB", "SUBMIT_JOB_EPOCH", "RESET_ABILITIES"],
]
BY_NAME = {command.name: command for command in COMMANDS}
#: Handles remembered; older ones are of jobs that are likely gone.
MEMORY = 64


class Mischief:
    """A source of what peers send."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._handles = [b"H:none:1"]

    def learn(self, command: int, args: tuple[bytes, ...]) -> None:
        """Take note of a packet that a server sent."""
        if command in {JOB_CREATED, JOB_ASSIGN, JOB_ASSIGN_UNIQ, JOB_ASSIGN_ALL}:
            self._handles = [*self._handles[-MEMORY:], args[0]]

    def stream(self) -> bytes:
        """What one peer sends in one go; it may end in the middle of a packet."""
        chosen = self.random.choices(list(WAYS), list(WAYS.values()), k=self.random.randint(1, 8))
        return b"".join(getattr(self, f"_{way}")() for way in chosen)

    def _packet(self) -> bytes:
        return self._say(self.random.choice(COMMANDS).name)

    def _conversation(self) -> bytes:
        return b"".join(map(self._say, self.random.choice(CONVERSATIONS)))

    def _spoilt(self) -> bytes:
        octets = bytearray(self._conversation())
        for _ in range(self.random.randint(1, 4)):
            at = self.random.randrange(len(octets))
            match self.random.randrange(4):
                case 0:
                    octets[at] = self.random.randrange(256)
                case 1:
                    del octets[at : at + self.random.randint(1, 20)]
                case 2:
                    octets[at:at] = self.random.randbytes(self.random.randint(1, 20))
                case _:
                    octets[at:at] = octets[: self.random.randint(1, 40)]
            if not octets:
                break
        return bytes(octets)

    def _line(self) -> bytes:
        line = self.random.choice(LINES)
        if self.random.randrange(4) == 0:
            line = b"cancel job " + self._handle()
        return line + self.random.choice([b"\n", b"\r\n", b""])

    def _noise(self) -> bytes:
        return self.random.randbytes(self.random.randint(1, 200))

    def _announcement(self) -> bytes:
        """The header of a packet that is large, or larger than any may be, and of which little comes."""
        size = self.random.choice([100_000, 64 << 20, (64 << 20) + 1, 2**31, 2**32 - 1])
        return b"\0REQ" + struct.pack("!II", self.random.randint(0, 50), size) + bytes(self.random.randint(0, 1000))

    def _say(self, name: str) -> bytes:
        command = BY_NAME[name]
        return request(command.number, *map(self._argument, command.args))

    def _argument(self, name: str) -> bytes:
        if name == "handle":
            return self._handle()
        if name == "payload":
            return self.random.choice([b"", b"x", b"\0\xff", self.random.randbytes(self.random.choice([10, 5000]))])
        return self.random.choice(WORDS.get(name, NUMBERS))

    def _handle(self) -> bytes:
        return self.random.choice(self._handles)
