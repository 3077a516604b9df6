"""The option of a server that has failed jobs tried again: --retry PATTERN=N."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from gearbridge.core.retry_rules import RetryRule
from gearbridge.records import MAX_FUNCTION

if TYPE_CHECKING:
    from collections.abc import Callable

#: What the job table's column of attempts has room for.
_MOST = 2**31 - 1


class _Rule(click.ParamType[RetryRule]):
    name = "pattern=n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> RetryRule:
        if isinstance(value, RetryRule):
            return value
        pattern, _, number = value.rpartition("=")
        if not pattern or not (number.isascii() and number.isdigit() and 1 <= int(number[:11]) <= _MOST):
            self.fail(
                f"{value!r} is no rule: write FUNCTION=N, such as 'mail_*=5', with N from 1 to {_MOST}", param, ctx
            )
        octets = os.fsencode(pattern)
        if len(octets) > MAX_FUNCTION:
            self.fail(f"the pattern has {len(octets)} bytes; a function's name has at most {MAX_FUNCTION}", param, ctx)
        return RetryRule(octets, int(number))


def retry_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --retry; the function gets `retry`, a tuple of rules."""
    return click.option(
        "--retry",
        type=_Rule(),
        metavar="PATTERN=N",
        multiple=True,
        help="Try a background job that came over a socket up to N times in all if its function matches, such as "
        "'mail_*=5': after a failure, an exception, a lost worker or a time-out, with pauses of 2, 4, 8 ... seconds, "
        "at most an hour. Where the store is a job table it is then kept as failed. Repeatable; the first rule that "
        "matches counts. [default: a failure is final]",
    )(command)
