"""The protocol as one table: every packet's number, name, direction and arguments.

Source: gearmand's PROTOCOL document, corrected where gearmand itself differs (SUBMIT_REDUCE_JOB has five arguments on
the wire, not four). The parser's arity, the encoder, the reference page and the test matrix all read `COMMANDS`.
"""

from __future__ import annotations

from typing import NamedTuple

# Who may send a packet. A packet with both letters travels either way (WORK_DATA: worker to server to client).
CLIENT = "client"
WORKER = "worker"
SERVER = "server"


class Command(NamedTuple):
    """One row of the protocol. NUL separates the arguments on the wire; the last one takes the rest of the packet."""

    number: int
    name: str
    senders: tuple[str, ...]
    args: tuple[str, ...]


def _table() -> tuple[Command, ...]:
    rows: list[tuple[str, tuple[str, ...], str]] = [
        ("CAN_DO", (WORKER,), "function"),
        ("CANT_DO", (WORKER,), "function"),
        ("RESET_ABILITIES", (WORKER,), ""),
        ("PRE_SLEEP", (WORKER,), ""),
        ("UNUSED", (), ""),
        ("NOOP", (SERVER,), ""),
        ("SUBMIT_JOB", (CLIENT,), "function unique_key payload"),
        ("JOB_CREATED", (SERVER,), "handle"),
        ("GRAB_JOB", (WORKER,), ""),
        ("NO_JOB", (SERVER,), ""),
        ("JOB_ASSIGN", (SERVER,), "handle function payload"),
        ("WORK_STATUS", (WORKER, SERVER), "handle numerator denominator"),
        ("WORK_COMPLETE", (WORKER, SERVER), "handle payload"),
        ("WORK_FAIL", (WORKER, SERVER), "handle"),
        ("GET_STATUS", (CLIENT,), "handle"),
        ("ECHO_REQ", (CLIENT, WORKER), "payload"),
        ("ECHO_RES", (SERVER,), "payload"),
        ("SUBMIT_JOB_BG", (CLIENT,), "function unique_key payload"),
        ("ERROR", (SERVER,), "code text"),
        ("STATUS_RES", (SERVER,), "handle known running numerator denominator"),
        ("SUBMIT_JOB_HIGH", (CLIENT,), "function unique_key payload"),
        ("SET_CLIENT_ID", (WORKER,), "id"),
        ("CAN_DO_TIMEOUT", (WORKER,), "function milliseconds"),
        ("ALL_YOURS", (WORKER,), ""),
        ("WORK_EXCEPTION", (WORKER, SERVER), "handle payload"),
        ("OPTION_REQ", (CLIENT, WORKER), "option"),
        ("OPTION_RES", (SERVER,), "option"),
        ("WORK_DATA", (WORKER, SERVER), "handle payload"),
        ("WORK_WARNING", (WORKER, SERVER), "handle payload"),
        ("GRAB_JOB_UNIQ", (WORKER,), ""),
        ("JOB_ASSIGN_UNIQ", (SERVER,), "handle function unique_key payload"),
        ("SUBMIT_JOB_HIGH_BG", (CLIENT,), "function unique_key payload"),
        ("SUBMIT_JOB_LOW", (CLIENT,), "function unique_key payload"),
        ("SUBMIT_JOB_LOW_BG", (CLIENT,), "function unique_key payload"),
        ("SUBMIT_JOB_SCHED", (CLIENT,), "function unique_key minute hour day_of_month month day_of_week payload"),
        ("SUBMIT_JOB_EPOCH", (CLIENT,), "function unique_key epoch payload"),
        ("SUBMIT_REDUCE_JOB", (CLIENT,), "function unique_key reducer unused payload"),
        ("SUBMIT_REDUCE_JOB_BACKGROUND", (CLIENT,), "function unique_key reducer unused payload"),
        ("GRAB_JOB_ALL", (WORKER,), ""),
        ("JOB_ASSIGN_ALL", (SERVER,), "handle function unique_key reducer payload"),
        ("GET_STATUS_UNIQUE", (CLIENT,), "unique_key"),
        ("STATUS_RES_UNIQUE", (SERVER,), "unique_key known running numerator denominator clients"),
    ]
    return tuple(
        Command(number, name, senders, tuple(args.split())) for number, (name, senders, args) in enumerate(rows, 1)
    )


COMMANDS: tuple[Command, ...] = _table()
LAST = COMMANDS[-1].number

#: Number of arguments by command number; index 0 stands for a text line, which is one argument.
ARITY: tuple[int, ...] = (1, *(len(command.args) for command in COMMANDS))

# The parser's commands for what is not a packet of the table, so that a dispatch table needs no special case.
TEXT = 0  # args: the line, without its line end
WRONG_MAGIC = LAST + 1  # args: the command number; a packet that only the other side may send
UNKNOWN = LAST + 2  # args: the command number; no such packet
MALFORMED = LAST + 3  # args: the command number; fewer arguments than the table demands
POISON = LAST + 4  # args: an ERROR code and text; the stream cannot be followed any further
OVERSIZE = LAST + 5  # args: the command number, the first bytes of its body, its size; the rest is skipped
OUTCOMES = OVERSIZE + 1  # how long a dispatch table has to be

CAN_DO = 1
CANT_DO = 2
RESET_ABILITIES = 3
PRE_SLEEP = 4
NOOP = 6
SUBMIT_JOB = 7
JOB_CREATED = 8
GRAB_JOB = 9
NO_JOB = 10
JOB_ASSIGN = 11
WORK_STATUS = 12
WORK_COMPLETE = 13
WORK_FAIL = 14
GET_STATUS = 15
ECHO_REQ = 16
ECHO_RES = 17
SUBMIT_JOB_BG = 18
ERROR = 19
STATUS_RES = 20
SUBMIT_JOB_HIGH = 21
SET_CLIENT_ID = 22
CAN_DO_TIMEOUT = 23
ALL_YOURS = 24
WORK_EXCEPTION = 25
OPTION_REQ = 26
OPTION_RES = 27
WORK_DATA = 28
WORK_WARNING = 29
GRAB_JOB_UNIQ = 30
JOB_ASSIGN_UNIQ = 31
SUBMIT_JOB_HIGH_BG = 32
SUBMIT_JOB_LOW = 33
SUBMIT_JOB_LOW_BG = 34
SUBMIT_JOB_SCHED = 35
SUBMIT_JOB_EPOCH = 36
SUBMIT_REDUCE_JOB = 37
SUBMIT_REDUCE_JOB_BACKGROUND = 38
GRAB_JOB_ALL = 39
JOB_ASSIGN_ALL = 40
GET_STATUS_UNIQUE = 41
STATUS_RES_UNIQUE = 42

#: An option for OPTION_REQ that gearmand does not have: a background job that this connection submits, and that was
#: done already under the same unique key, is acknowledged and not done again. For bridges, whose keys are never reused.
OPTION_ONCE = b"gearbridge-once"

#: Another one, for traces (traceparent.py). A worker that requests it gets a job's traceparent, in an OPTION_RES right
#: before the JOB_ASSIGN: this name, "=", the traceparent. A client sends it likewise, in an OPTION_REQ right before its
#: submit. Where a server knows no such option its ERROR changes nothing; gearmand complains in its log of longer ones.
OPTION_TRACE = b"trace"
TRACE_IS = OPTION_TRACE + b"="

# Perl's Gearman::Worker sends these without the NUL and the payload where the payload is false ('' or '0').
# gearmand: closes the connection, so the job goes round for ever; here: an empty payload.
MAY_LACK_PAYLOAD = frozenset((WORK_COMPLETE, WORK_EXCEPTION, WORK_DATA, WORK_WARNING))


def name_of(number: int) -> str:
    """The packet's protocol name, for messages; numbers outside the table are named as such."""
    return COMMANDS[number - 1].name if 1 <= number <= LAST else f"packet type {number}"
