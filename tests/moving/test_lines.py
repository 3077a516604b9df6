"""A job as a line of JSON: any bytes come back, and what is wrong with a line is said."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gearbridge.errors import ConfigurationError
from gearbridge.moving.lines import job_of, line_of
from gearbridge.records import MAX_DUE, StoredJob
from gearbridge.traceparent import with_trace
from tests.test_traces import TRACE

FIELDS = StoredJob.__slots__


def as_tuple(job: StoredJob) -> tuple[object, ...]:
    return tuple(getattr(job, name) for name in FIELDS)


def names(limit: int, least: int = 0) -> st.SearchStrategy[bytes]:
    octets = st.binary(min_size=least, max_size=limit).filter(lambda name: b"\0" not in name)
    return octets | st.text(st.characters(exclude_characters="\0"), min_size=least, max_size=limit // 4).map(
        lambda text: text.encode("utf-8", "replace")
    )


JOBS = st.builds(
    StoredJob,
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64).map(str.encode),
    names(512, least=1),
    st.binary() | st.text().map(lambda text: text.encode("utf-8", "replace")),
    names(255),
    st.sampled_from((0, 1, 2)),
    st.integers(0, MAX_DUE),
    st.integers(0, 2**31 - 1),
    st.builds(with_trace, names(512), st.sampled_from((b"", TRACE.encode()))),
)


@given(JOBS)
def test_every_job_comes_back_from_one_line(job: StoredJob) -> None:
    line = line_of(job)
    assert line.index(b"\n") == len(line) - 1
    assert as_tuple(job_of(line)) == as_tuple(job)


def test_a_line_can_be_read_by_people_and_by_any_tool() -> None:
    job = StoredJob(b"H:vm:7", "größe".encode(), b"\xff\0", b"user-7", 0, 1_800_000_000, 2)
    assert json.loads(line_of(job)) == {
        "handle": "H:vm:7",
        "function": "größe",
        "unique_key": "user-7",
        "priority": "high",
        "due": 1_800_000_000,
        "attempts": 2,
        "reducer": "",
        "payload_base64": "/wA=",
    }


def test_what_is_left_out_is_as_a_plain_submit_has_it() -> None:
    job = job_of(b'{"handle": "H:1", "function": "f"}')
    assert as_tuple(job) == as_tuple(StoredJob(b"H:1", b"f", b""))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"resize hello", "not JSON"),
        (b'{"handle": "H:1", "function": "\xff"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'["H:1", "f"]', "not a JSON object"),
        (b'{"handle": "H:1", "function": "f", "prio": 1}', "unknown field 'prio'"),
        (b'{"handle": "H:1"}', "needs a function"),
        (b'{"handle": "H:1", "function": "f", "traceparent": "00"}', "'00' is no traceparent"),
        (b'{"handle": "H:1", "function": "f", "traceparent": 7}', "7 is no traceparent"),
        (b'{"function": "f"}', "needs a handle"),
        (b'{"handle": "H 1", "function": "f"}', "needs a handle, of ASCII without spaces"),
        (b'{"handle": "%b", "function": "f"}' % (b"H" * 65), "handle is longer than 64 bytes"),
        (b'{"handle": "H:1", "function": "%b"}' % (b"f" * 513), "function is longer than 512 bytes"),
        (b'{"handle": "H:1", "function": "f", "unique_key": "a\\u0000b"}', "unique_key has a NUL"),
        (b'{"handle": "H:1", "function": "f", "payload": 5}', "payload must be a string, not 5"),
        (b'{"handle": "H:1", "function": "f", "payload": "\\ud800"}', "payload has half of a surrogate pair"),
        (b'{"handle": "H:1", "function": "f", "payload_base64": "*"}', "payload_base64 is not base64"),
        (b'{"handle": "H:1", "function": "f", "payload": "a", "payload_base64": "YQ=="}', "payload is given twice"),
        (b'{"handle": "H:1", "function": "f", "priority": 1}', "priority must be one of high, normal, low, not 1"),
        (b'{"handle": "H:1", "function": "f", "due": -1}', "due must be a number from 0"),
        (b'{"handle": "H:1", "function": "f", "due": 1.5}', "due must be a number from 0"),
        (b'{"handle": "H:1", "function": "f", "attempts": true}', "attempts must be a number from 0"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line: bytes, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        job_of(line)
