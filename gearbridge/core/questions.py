"""Replies that only the job table can give, about jobs that are not in memory. They are held until it was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .journal import Ticket

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gearbridge.records import WaitingJob

    from .peer import Peer

    Answer = Callable[[bytes, WaitingJob | None], bytes]


class Question(NamedTuple):
    """Of which job, what is replied once it was looked for, and what if it could not be."""

    handle: bytes
    answer: Answer
    failed: Callable[[str], bytes]
    ticket: Ticket


class Questions:
    """What is to be asked. It follows all that was written before, so it is asked after the next commit group."""

    def __init__(self) -> None:
        self._asked: list[Question] = []

    def __bool__(self) -> bool:
        return bool(self._asked)

    def ask(self, peer: Peer, handle: bytes, answer: Answer, failed: Callable[[str], bytes]) -> None:
        """Promise the peer an answer."""
        question = Question(handle, answer, failed, Ticket())
        self._asked.append(question)
        peer.hold(question.ticket)

    def take(self) -> list[Question]:
        """What to ask the table now."""
        asked, self._asked = self._asked, []
        return asked


def reply(questions: Sequence[Question], found: Mapping[bytes, WaitingJob] | str) -> None:
    """Give the held replies: of the jobs that were found, or why the table could not be asked."""
    for question in questions:
        if isinstance(found, str):
            question.ticket.reply = question.failed(found)
        else:
            question.ticket.reply = question.answer(question.handle, found.get(question.handle))
        for peer in question.ticket.peers:
            peer.release()
