"""The terminal that `gearbridge top` draws on, and its keys. It knows no figures."""

from __future__ import annotations

import os
import select
import shutil
import sys
import termios
import tty
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

#: What keys send, by the name that `key` gives them. Anything else is its first letter.
_SEQUENCES = {
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
}
_ENTER = "\x1b[?1049h\x1b[?25l"  # another screen, no cursor
_LEAVE = "\x1b[?25h\x1b[?1049l"


class Terminal:
    """A context manager: inside it the whole screen is ours, and keys come one by one; afterwards all is as it was."""

    def __init__(self) -> None:
        self._input = sys.stdin.fileno()
        self._typed = ""  # keys that came together wait here for their turn

    def __enter__(self) -> Self:
        self._settings = termios.tcgetattr(self._input)
        tty.setcbreak(self._input)
        self._write(_ENTER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write(_LEAVE)
        termios.tcsetattr(self._input, termios.TCSADRAIN, self._settings)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        return shutil.get_terminal_size()

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines and nothing else; written at once, so that nothing flickers."""
        self._write("\x1b[H" + "\x1b[K\r\n".join(lines) + "\x1b[K\x1b[J")

    def key(self, seconds: float) -> str | None:
        """The next key, by its name or letter; None when none is pressed for so long. "q" when the terminal is gone."""
        if not self._typed:
            if not select.select([self._input], [], [], max(0.0, seconds))[0]:
                return None
            self._typed = os.read(self._input, 64).decode("latin-1") or "q"
        taken = next((sequence for sequence in _SEQUENCES if self._typed.startswith(sequence)), self._typed[0])
        self._typed = self._typed[len(taken) :]
        return _SEQUENCES.get(taken, taken)

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
