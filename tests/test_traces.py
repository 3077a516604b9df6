"""The form of a traceparent, and how it is kept."""

from __future__ import annotations

import pytest

from gearbridge.traceparent import is_traceparent, split_trace, to_traceparent, with_trace

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_traceparent_travels_as_it_is_and_none_is_empty() -> None:
    assert to_traceparent(TRACE) == TRACE.encode()
    assert to_traceparent(None) == to_traceparent("") == b""


@pytest.mark.parametrize(
    "text",
    [
        TRACE.upper(),
        TRACE[:-1],
        TRACE + "-00",
        TRACE + "\n",
        "01" + TRACE[2:],
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
        "00-0af7651916cd43dd8448eb211c80319\u0663-b7ad6b7169203331-01",
        "\udcff",
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    assert not is_traceparent(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match="is no traceparent, which is 00-TRACE-PARENT-FLAGS"):
        to_traceparent(text)


@pytest.mark.parametrize("reducer", [b"", b"sum"])
@pytest.mark.parametrize("traceparent", [b"", TRACE.encode()])
def test_reducer_and_trace_are_kept_together(reducer: bytes, traceparent: bytes) -> None:
    assert split_trace(with_trace(reducer, traceparent)) == (reducer, traceparent)
    assert with_trace(reducer, b"") == reducer, "as it was kept before there were traces"
