"""Random conversations with the engine: whatever peers send, and whenever they leave, its books stay true.

A short version runs with the tests; `make soak` runs many more.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gearbridge.wire.commands import COMMANDS
from gearbridge.wire.packets import request

from .books import Books

EXAMPLES = int(os.environ.get("GEARBRIDGE_TEST_EXAMPLES", "150"))

# Few words, so that peers meet: the same functions, keys and handles again and again.
FUNCTIONS = [b"f", b"g", b""]
KEYS = [b"", b"-", b"u"]
WORDS = {
    "function": st.sampled_from(FUNCTIONS),
    "unique_key": st.sampled_from(KEYS),
    "handle": st.integers(1, 12).map(lambda number: b"H:test:%d" % number) | st.just(b"H:none:1"),
    "payload": st.sampled_from([b"", b"x", b"\0\xff"]),
    "milliseconds": st.sampled_from([b"0", b"1000", b"abc"]),
    "epoch": st.sampled_from([b"0", b"50", b"-1", b"abc"]),
}
LINES = [b"status", b"workers", b"show jobs", b"show unique jobs", b"prioritystatus", b"cancel job H:test:3"]
LINES += [b"maxqueue f 3", b"maxqueue f", b"create function h", b"drop function f", b"", b"a b c d e f g"]


@st.composite
def sent(draw: st.DrawFn) -> bytes:
    """What a peer sends: mostly packets, some admin lines."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(LINES)) + b"\n"
    command = draw(st.sampled_from(COMMANDS))
    return request(command.number, *(draw(WORDS.get(name, st.just(b"1"))) for name in command.args))


SUBMITS = ["SUBMIT_JOB", "SUBMIT_JOB_BG", "SUBMIT_JOB_HIGH", "SUBMIT_JOB_LOW_BG"]
ENDS = ["WORK_COMPLETE", "WORK_FAIL", "WORK_EXCEPTION"]

STEPS = st.lists(
    # What peers do when they mean it, or else hardly a job would ever be done ...
    st.tuples(st.just("submit"), st.tuples(st.integers(0, 3), st.sampled_from(SUBMITS), st.sampled_from(KEYS)))
    | st.tuples(st.just("grab"), st.integers(0, 3))
    | st.tuples(st.just("finish"), st.tuples(st.integers(0, 3), st.sampled_from(ENDS)))
    # ... and anything at all.
    | st.tuples(st.integers(0, 3), sent())
    | st.tuples(st.just("leave"), st.integers(0, 3))
    | st.tuples(st.just("commit"), st.just(1))
    | st.tuples(st.just("begin"), st.just(0))
    | st.tuples(st.just("end"), st.integers(0, 9))  # of a commit; now and then the first job of it is refused
    | st.tuples(st.just("tick"), st.integers(0, 100))
    | st.tuples(st.just("claim"), st.just(0)),
    min_size=30,
    max_size=100,
)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_the_books_stay_true_over_a_durable_store(steps: list[tuple[object, object]]) -> None:
    books = Books(durable=True)
    for kind, what in steps:
        books.step(kind, what)
        books.check()
    books.finish()


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_the_books_stay_true_where_the_queue_is_deeper_than_memory(steps: list[tuple[object, object]]) -> None:
    books = Books(durable=True, window=1)
    for kind, what in steps:
        books.step(kind, what)
        books.check()
    books.finish()


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_the_books_stay_true_in_memory(steps: list[tuple[object, object]]) -> None:
    books = Books(durable=False)
    for kind, what in steps:
        books.step(kind, what)
        books.check()
    assert not books.talk.engine.journal
