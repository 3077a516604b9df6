"""A transcript that is not true fails, and says where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .play import Misplayed, play
from .script import read
from .stage import MemoryStage

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("untrue", "said"),
    [
        ("a < JOB_CREATED", "bad.txt:4"),
        ("a < JOB_CREATED other", "heard JOB_CREATED"),
        ("a < NO_JOB", "heard JOB_CREATED"),
        ("a < silence", "heard b'"),
        ("a < closed", "was not closed"),
        ("b < NOOP", "heard only b''"),
        ("b < text OK\\n", "heard b''"),
        ("a > ECHO_REQ x", "also heard"),
        ("server dies", "did not die"),
    ],
)
def test_what_is_untrue_is_found(tmp_path: Path, untrue: str, said: str) -> None:
    with pytest.raises(AssertionError) as failure:
        played(tmp_path, f"# A title.\n\na > SUBMIT_JOB_BG f '' x\n{untrue}\n")
    assert said in str(failure.value)


def test_a_value_once_heard_is_demanded_again(tmp_path: Path) -> None:
    submit = "a > SUBMIT_JOB_BG f '' x\na < JOB_CREATED {h}\n"
    with pytest.raises(Misplayed, match="JOB_CREATED"):
        played(tmp_path, submit + submit)


def test_a_line_missing_from_a_listing_is_found(tmp_path: Path) -> None:
    with pytest.raises(Misplayed, match=r"bad\.txt:2"):
        played(tmp_path, "a > text status\na <~ text f\\t0\\t0\\t0\\n\n")


@pytest.mark.parametrize("line", ["nonsense", "a >", "gearmand | a < silence"])
def test_a_line_of_no_form_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match=r"bad\.txt:1"):
        played(tmp_path, line)


def played(folder: Path, text: str) -> None:
    path = folder / "bad.txt"
    path.write_text(text, encoding="utf-8")
    play(read(path), MemoryStage(), "gearbridge")
