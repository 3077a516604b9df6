"""Plays a transcript on a stage: says what is to be said, and demands what is to be heard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gearbridge.wire import commands
from gearbridge.wire.commands import COMMANDS
from gearbridge.wire.packets import HEADER, HEADER_SIZE, RESPONSE_MAGIC, request

from .script import bytes_of, pattern_of

if TYPE_CHECKING:
    from .script import Step, Transcript
    from .stage import Line, Stage

_LISTING = re.compile(rb"(?:.*\n)??\.\n", re.DOTALL)


class Misplayed(AssertionError):
    """A step went otherwise than the transcript says."""


def play(transcript: Transcript, stage: Stage, server: str) -> None:
    """Play it to its end, where nothing may be left that was not said. `server` is gearmand or gearbridge."""
    play = _Play(stage)
    for step in transcript.steps:
        if step.only in {"", server}:
            try:
                play.step(step)
            except Misplayed as failure:
                where = f"{transcript.path.name}:{step.number}: {step.text}"
                raise Misplayed(f"{where}\n{server}: {failure}; known: {play.values}") from None
    for name, line in play.lines.items():
        if not line.closed:
            line.settle()
            assert not line.heard, f"{transcript.path.name}, {server}: {name} also heard {line.heard!r}"


class _Play:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.lines: dict[str, Line] = {}
        self.values: dict[str, str] = {}

    def step(self, step: Step) -> None:
        if step.how == "dies":
            _demand(self.stage.died(), "the server did not die")
            self.lines.clear()
            return
        line = self.lines.get(step.name)
        if line is None:
            line = self.lines[step.name] = self.stage.connect()
        if step.how == "leaves":
            del self.lines[step.name]
            line.leave()
        elif step.how == ">":
            line.send(self._sent(step))
        elif step.what == "silence":
            line.settle()
            _demand(not line.heard, f"heard {line.heard!r}")
        elif step.what == "closed":
            while not line.closed and line.wait():
                pass
            _demand(line.closed, "was not closed")
            _demand(not line.heard, f"heard {line.heard!r}")
        elif step.how == "<~":
            found = self._await(line, _LISTING)
            _demand(
                re.search(rb"^%b" % pattern_of(step.rest, self.values).pattern, found[0], re.M), f"heard {found[0]!r}"
            )
        elif step.what == "text":
            self._bind(self._await(line, pattern_of(step.rest, self.values)))
        else:
            self._hear(line, step)

    def _sent(self, step: Step) -> bytes:
        now = self.stage.now()
        if step.what == "text":
            return bytes_of(step.rest or "''", self.values, now) + b"\n"
        if step.what == "raw":
            return bytes_of(step.rest, self.values, now)
        args = [bytes_of(word, self.values, now) for word in step.arguments()]
        return request(getattr(commands, step.what), *args)

    def _hear(self, line: Line, step: Step) -> None:
        while len(line.heard) < HEADER_SIZE:
            _demand(not line.closed and line.wait(), f"heard only {line.heard!r}")
        magic, number, size = HEADER.unpack_from(line.heard)
        _demand(magic == RESPONSE_MAGIC, f"heard {line.heard!r}")
        while len(line.heard) < HEADER_SIZE + size:
            _demand(not line.closed and line.wait(), f"heard only {line.heard!r}")
        body, line.heard = line.heard[HEADER_SIZE : HEADER_SIZE + size], line.heard[HEADER_SIZE + size :]
        args = body.split(b"\0", len(COMMANDS[number - 1].args) - 1) if COMMANDS[number - 1].args else []
        heard = f"heard {commands.name_of(number)} {args}"
        _demand(commands.name_of(number) == step.what, heard)
        words = step.arguments()
        _demand(len(args) == len(words), heard)
        for word, arg in zip(words, args, strict=True):
            found = pattern_of(word, self.values).fullmatch(arg)
            _demand(found, heard)
            assert found
            self._bind(found)

    def _await(self, line: Line, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        while True:
            found = pattern.match(line.heard)
            if found:
                line.heard = line.heard[found.end() :]
                return found
            _demand(not line.closed and line.wait(), f"heard {line.heard!r}")

    def _bind(self, found: re.Match[bytes]) -> None:
        self.values.update({name: value.decode("latin-1") for name, value in found.groupdict().items()})


def _demand(held: object, otherwise: str) -> None:
    if not held:
        raise Misplayed(otherwise)
