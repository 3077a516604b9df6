"""Rules for jobs that came over a socket: of which functions a failed one is tried again, and how often."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple


class RetryRule(NamedTuple):
    """A pattern of function names, with * and ? and [...], and how often their jobs are tried in all."""

    pattern: bytes
    attempts: int


def most_attempts(rules: tuple[RetryRule, ...], function: bytes) -> int:
    """Return how often a job of this function is tried in all, by the first rule that matches; 0: there is none."""
    return next((rule.attempts for rule in rules if fnmatchcase(function, rule.pattern)), 0)
