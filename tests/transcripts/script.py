"""A transcript's text as steps. It knows no server and plays nothing; README.md beside it describes the form."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
#: The admin commands, as a transcript's `deviates` and the page name them.
ADMIN_COMMANDS = (
    "version",
    "getpid",
    "verbose",
    "status",
    "prioritystatus",
    "workers",
    "show jobs",
    "show unique jobs",
    "cancel job",
    "create function",
    "drop function",
    "maxqueue",
    "shutdown",
)

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.))")
_ESCAPED = {"0": "\0", "n": "\n", "r": "\r", "t": "\t", "s": " ", "\\": "\\"}
_PLACE = re.compile(r"\{([^{}]*)\}")
_STEP = re.compile(r"(?P<name>\w+) (?P<how><~|>|<) (?P<what>\w+)(?: (?P<rest>.*))?")


@dataclass(frozen=True)
class Step:
    """One line. `only` is the server it is for, empty for both; `how` is >, <, <~, leaves, or dies."""

    number: int
    text: str
    only: str
    name: str
    how: str
    what: str = ""
    rest: str = ""

    def arguments(self) -> list[str]:
        """The words of a packet, still with their escapes and places."""
        return self.rest.split()


@dataclass(frozen=True)
class Deviation:
    """How gearbridge differs from gearmand, for which packets and admin commands."""

    of: tuple[str, ...]
    why: str


@dataclass(eq=False)  # one for each file
class Transcript:
    """A whole file."""

    path: Path
    title: str = ""
    options: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    deviations: list[Deviation] = field(default_factory=list)

    def packets(self, how: str) -> set[str]:
        """The names of the packets sent (`>`) or heard (`<`)."""
        return {step.what for step in self.steps if step.how == how and step.what.isupper()}

    def lines(self) -> set[str]:
        """The admin commands sent."""
        sent = [step.rest.lower() for step in self.steps if step.how == ">" and step.what == "text"]
        return {command for command in ADMIN_COMMANDS for line in sent if f"{line} ".startswith(f"{command} ")}


def read(path: Path) -> Transcript:
    """The transcript in a file. Raises ValueError for a line that is none of its form."""
    transcript = Transcript(path)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip()
        if text.startswith("#"):
            transcript.title = transcript.title or text.lstrip("# ")
        elif text.startswith("server -"):
            transcript.options += text.split()[1:]
        elif text.startswith("deviates "):
            named, _, why = text.removeprefix("deviates ").partition(": ")
            transcript.deviations.append(Deviation(tuple(named.split(", ")), why))
        elif text:
            transcript.steps.append(_step(number, text, transcript))
    return transcript


def read_all() -> list[Transcript]:
    """Every transcript, by name."""
    return [read(path) for path in sorted(FOLDER.glob("*.txt"))]


def bytes_of(text: str, values: dict[str, str], now: float = 0.0) -> bytes:
    """What is sent: places replaced by their values, escapes by their bytes."""

    def value(place: re.Match[str]) -> str:
        inside = place[1]
        if times := re.fullmatch(r"(.)\*(\d+)", inside):
            return times[1] * int(times[2])
        if later := re.fullmatch(r"now\+(\d+)", inside):
            return str(int(now) + int(later[1]))
        return values[inside]

    return b"" if text == "''" else _unescaped(_PLACE.sub(value, text)).encode("latin-1")


def pattern_of(text: str, values: dict[str, str]) -> re.Pattern[bytes]:
    """What is heard: a pattern whose groups are the values it binds."""
    parts: list[bytes] = []
    end = 0
    for place in _PLACE.finditer(text):
        parts.append(re.escape(bytes_of(text[end : place.start()] or "''", values)))
        end = place.end()
        if place[1] == "*":
            parts.append(rb"[^\n]*?")
        elif place[1].isidentifier() and place[1] not in values:
            parts.append(b"(?P<%b>[^\\s\\0]+)" % place[1].encode())
        else:
            parts.append(re.escape(bytes_of(place[0], values)))
    parts.append(re.escape(bytes_of(text[end:] or "''", values)))
    return re.compile(b"".join(parts), re.DOTALL)


def _step(number: int, text: str, transcript: Transcript) -> Step:
    only, bar, rest = text.partition(" | ")
    only = only.strip()
    if not bar or only not in {"gearmand", "gearbridge"}:
        only, rest = "", text
    elif not transcript.deviations:
        raise ValueError(f"{transcript.path.name}:{number}: say first what deviates, and why")
    if rest == "server dies":
        return Step(number, text, only, "server", "dies")
    if leaving := re.fullmatch(r"(\w+) leaves", rest):
        return Step(number, text, only, leaving[1], "leaves")
    step = _STEP.fullmatch(rest)
    if step is None:
        raise ValueError(f"{transcript.path.name}:{number}: no step: {text}")
    return Step(number, text, only, step["name"], step["how"], step["what"], step["rest"] or "")


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _ESCAPED[found[2]], text)
