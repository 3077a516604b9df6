"""A job as a key and a value of memcached. It knows no connection.

Rules of this file:
1. The key is made of the handle only, printable, and at most 250 bytes, whatever the handle is.
2. Function, unique key and all else are in the value, so no name can break a command. The handle is there too: a value
   that is not under its own handle's key is none of ours.
"""

from __future__ import annotations

import struct
from hashlib import sha256
from urllib.parse import quote_from_bytes

from gearbridge.errors import StoreError
from gearbridge.records import StoredJob

#: Format, order of submission, attempts, due, priority, lengths of handle, function, unique key and reducer.
_HEAD = struct.Struct(">BQIqBHHHH")
_FORMAT = 1
#: Where the attempts are in a value, which is the part that changes, with the due time behind them where an attempt
#: failed; its place in the order is before them.
PLACE, ATTEMPTS = slice(1, 9), slice(9, 13)
#: Attempts and due time, as they are in a value.
TRIED = struct.Struct(">Iq")
#: A longer name is written as its hash; with the longest prefix a key stays below memcached's 250 bytes.
_LONGEST_NAME = 180


def key_of(prefix: bytes, handle: bytes) -> bytes:
    """The key under which the job with this handle is kept."""
    name = quote_from_bytes(handle, safe=":").encode()
    if len(name) > _LONGEST_NAME:
        name = b"%sha256:" + sha256(handle).hexdigest().encode()  # no quoted name begins with %sh
    return prefix + name


def value_of(job: StoredJob, place: int, attempts: int | None = None) -> bytes:
    """The job as a value; `place` is its place in the order of submission. StoreError where it cannot be."""
    names = (job.handle, job.function, job.unique_key, job.reducer)
    tried = job.attempts if attempts is None else attempts
    try:
        head = _HEAD.pack(_FORMAT, place, tried, job.due, job.priority, *map(len, names))
    except struct.error as error:
        raise StoreError(f"job {job.handle!r} cannot be kept: {error}") from error
    return b"".join((head, *names, job.payload))


def is_same_job(one: bytes, other: bytes) -> bool:
    """Return whether two values are of one job, whatever their places in the order and attempts are."""
    ours, theirs = job_of(one), job_of(other)
    if ours is None or theirs is None:
        return False
    return value_of(ours[1], 0, 0) == value_of(theirs[1], 0, 0)


def job_of(value: bytes) -> tuple[int, StoredJob] | None:
    """Place and job of a value; None for a value that is no job, or one of another format than this one."""
    if len(value) < _HEAD.size or value[0] != _FORMAT:
        return None
    _, place, attempts, due, priority, *lengths = _HEAD.unpack_from(value)
    if len(value) < _HEAD.size + sum(lengths):
        return None
    names, start = [], _HEAD.size
    for length in lengths:
        names.append(value[start : start + length])
        start += length
    handle, function, unique_key, reducer = names
    return place, StoredJob(handle, function, value[start:], unique_key, priority, due, attempts, reducer)
