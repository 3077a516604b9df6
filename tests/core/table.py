"""A job table in a few lines: what a store keeps of an engine's jobs, and what a claim of them brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.records import ClaimedJob, Drop, Failed, Put, Retry, StoredJob, WaitingJob

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gearbridge.records import Operation

    from .conversation import Talk


class Table:
    """Rows in the order they came. A claim brings the first of each function that are not in hand, as a store does."""

    def __init__(self) -> None:
        self.kept: dict[bytes, StoredJob] = {}
        self.spilled: dict[bytes, StoredJob] = {}
        self.held: set[bytes] = set()

    def apply(self, group: Iterable[Operation]) -> None:
        for operation in group:
            if isinstance(operation, Put):
                assert operation.job.handle not in self.kept.keys() | self.spilled.keys()
                (self.spilled if operation.spilled else self.kept)[operation.job.handle] = operation.job
            elif isinstance(operation, (Drop, Failed)):  # a failed one waits no more
                self.kept.pop(operation.handle, None)
                self.spilled.pop(operation.handle, None)
                self.held.discard(operation.handle)
            elif isinstance(operation, Retry) and operation.handle in self.spilled:
                job = self.spilled[operation.handle]
                job.attempts, job.due = operation.attempts, 1  # long since due
                self.held.discard(operation.handle)

    def claim(self, claim_capacity: Mapping[bytes, int]) -> list[ClaimedJob]:
        claimed: list[ClaimedJob] = []
        for function, room in claim_capacity.items():
            mine = [job for job in self.spilled.values() if job.function == function]
            held = sum(job.handle in self.held for job in mine)
            first = sorted(mine, key=lambda job: job.priority)[: room + held]
            claimed.extend(claimed_job(job) for job in first if job.handle not in self.held)
        self.held.update(job.handle for job in claimed)
        return sorted(claimed, key=lambda job: list(self.spilled).index(job.handle))

    def find(self, handles: Iterable[bytes]) -> dict[bytes, WaitingJob]:
        rows = (self.spilled[handle] for handle in handles if handle in self.spilled)
        return {job.handle: WaitingJob(job.handle, job.function, int(job.priority), job.due) for job in rows}

    # What a shell does with both.

    def commit(self, talk: Talk) -> None:
        """Apply what gathered, then answer what was asked."""
        group = talk.begin_commit()
        self.apply(group)
        talk.end_commit(group)
        self.answer(talk)

    def answer(self, talk: Talk) -> None:
        """Answer what was asked."""
        questions = talk.engine.take_table_lookups()
        talk.engine.answered(questions, self.find(question.handle for question in questions))
        talk.flush()

    def claim_for(self, talk: Talk) -> int:
        """Claim as often as there is room and something to be had; how many jobs that were."""
        count = 0
        while claim_capacity := talk.engine.claim_capacity():
            jobs = self.claim(claim_capacity)
            if not jobs:
                break
            talk.engine.claimed(jobs, talk.now)
            talk.flush()
            count += len(jobs)
        return count


def claimed_job(job: StoredJob) -> ClaimedJob:
    """What a claim of this row brings."""
    claimed = ClaimedJob(
        job.handle, job.function, job.payload, job.unique_key, job.priority, job.due, job.attempts, job.reducer
    )
    claimed.max_attempts, claimed.keep_result, claimed.enqueued = 0, False, None
    return claimed
