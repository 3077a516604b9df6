"""How often a background job is tried, and whether it waits before the next attempt. Knows no queue and no packet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .enqueued import EnqueuedJob
from .retry_rules import most_attempts

if TYPE_CHECKING:
    from .jobs import Job
    from .state import State

#: How often a job that SQL enqueued is given to workers that are lost, where neither it nor the operator has a limit.
MOST_LOST = 25
#: How often a job's time is doubled at once, when it is claimed after so many losses or more.
_MOST_DOUBLED = 8


def limit_of(state: State, job: Job) -> int:
    """Return after how many failed or lost attempts a job whose worker is lost fails; negative: none is set."""
    if isinstance(job, EnqueuedJob) and job.max_attempts:
        return job.max_attempts
    return limit_by_rule(state, job) or state.settings.job_retries


def limit_by_rule(state: State, job: Job) -> int:
    """Return how often a rule has this job tried in all; 0: none is for it. Foreground jobs are never retried."""
    rules = state.settings.retry_rules
    if not rules or not job.background or isinstance(job, EnqueuedJob):
        return 0
    return most_attempts(rules, job.function)


def pauses_after_loss(state: State, job: Job) -> bool:
    """Return whether a job whose worker was lost is tried again after a pause, and not at once.

    A job of SQL goes to another worker at once the first time: workers are restarted.
    """
    if isinstance(job, EnqueuedJob):
        return job.attempts > 1
    return limit_by_rule(state, job) > 0


def restore_doubling(state: State, job: EnqueuedJob) -> None:
    """Give a claimed job without a limit of its own twice the time for each worker that it has lost before."""
    if not job.max_attempts and state.settings.job_retries < 0:
        state.deadlines.resume(job, min(job.attempts, _MOST_DOUBLED))
