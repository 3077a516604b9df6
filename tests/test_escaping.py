"""Text that is made harmless for a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gearbridge.escaping import LINES, escaped


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("größe 日本 — 10 €", "größe 日本 — 10 €"),
        ("\x1b]0;owned\x07\x1b[2J", r"\x1b]0;owned\x07\x1b[2J"),
        ("\x9b31m\x7f", r"\x9b31m\x7f"),
        ("a\u202egpj.exe\u2066", r"a\u202egpj.exe\u2066"),
        ("one\u2028two\u2029three\r\n", r"one\u2028two\u2029three\r\n"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        (b"caf\xe9\x9b".decode("utf-8", "surrogateescape"), r"caf\xe9\x9b"),
        ("\ud800", r"\ud800"),
        ("wide\u3000space", "wide\u3000space"),
    ],
)
def test_what_a_terminal_obeys_becomes_an_escape(text: str, expected: str) -> None:
    assert escaped(text) == expected


def test_lines_and_tabulators_of_longer_texts_stay() -> None:
    assert escaped("Traceback:\n\tboom\r\x1b", LINES) == "Traceback:\n\tboom\\r\\x1b"


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    assert all(letter.isprintable() or letter.isspace() for letter in escaped(text))
    assert escaped(text).encode().decode() == escaped(text)
