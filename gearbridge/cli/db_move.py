"""`gearbridge db export` and `gearbridge db import`: jobs out of a store and into it."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
from typing import IO, TYPE_CHECKING

import click

from gearbridge.cli.options import as_name
from gearbridge.errors import ConfigurationError
from gearbridge.moving.gearmand import FORMS as QUEUES
from gearbridge.moving.gearmand import jobs_from
from gearbridge.moving.lines import job_of, line_of
from gearbridge.moving.transfer import export_jobs, import_jobs, open_store
from gearbridge.private_files import mode_of, private
from gearbridge.stores.database.redaction import redacted
from gearbridge.stores.registry import FORMS

from .output import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gearbridge.records import StoredJob

#: Seconds between two lines about how far it is.
_REPORT_EVERY = 2.0

_store = click.option(
    "--store",
    metavar="URL",
    required=True,
    envvar="GEARBRIDGE_STORE",
    show_envvar=True,
    help=f"Store URL, as for --store of the server: {' or '.join(FORMS[1:])}.",
)


@click.command("export")
@_store
@click.argument("file", metavar="FILE")
def export_command(store: str, file: str) -> None:
    """Write the jobs of a store to FILE, - for standard output, one JSON object a line, in order of submission.

    The store stays as it is. No server may be using it meanwhile. FILE appears when it is complete. What SQL enqueued
    is not among them: it stays in its table, for any server to claim.

    \b
    Examples:
      gearbridge db export --store sqlite:///jobs.db jobs.jsonl
      gearbridge db export --store sqlite:///jobs.db - | gzip > jobs.jsonl.gz
    """
    with open_store(store, existing=True) as opened, _output(file) as output:
        count = export_jobs(opened, lambda job: output.write(line_of(job)), _Progress("exported").show)
    say(f"exported {_jobs(count)} from {redacted(store)}", err=True)


@click.command("import")
@_store
@click.option(
    "--from", "queue", metavar="URL", help=f"Read a queue of gearmand's instead of FILE: {' or '.join(QUEUES)}."
)
@click.option(
    "--function",
    "functions",
    metavar="NAME",
    multiple=True,
    callback=as_name,
    help="Function whose name or unique keys contain a dash, which keys in memcached and Redis do not show. "
    "Repeatable.",
)
@click.argument("file", metavar="[FILE]", required=False)
def import_command(store: str, queue: str | None, functions: tuple[bytes, ...], file: str | None) -> None:
    """Put the jobs in FILE, - for standard input, into a store, as `gearbridge db export` wrote them.

    Jobs keep their handles, and come after those that the store has. A job whose handle is in the store already is left
    out, so an import that was cut short can be run again. No server may be using the store meanwhile.

    With --from, the jobs of a gearmand that has been stopped: with their priorities, due times and unique keys, in
    their order where the queue keeps one. They get handles, which gearmand does not keep. Its queue stays as it is.
    Once a server has begun to work them off, do not import them again.

    \b
    Examples:
      gearbridge db import --store postgresql:///shop jobs.jsonl
      gearbridge db export --store sqlite:///jobs.db - | gearbridge db import --store postgresql:///shop -
      gearbridge db import --store sqlite:///jobs.db --from gearmand+sqlite:////var/lib/gearman/queue.db
    """
    if (queue is None) == (file is None):
        raise click.UsageError("give FILE or --from, and not both")
    with contextlib.ExitStack() as stack:
        if queue is not None:
            jobs = jobs_from(queue, functions)
        else:
            assert file is not None
            jobs = _read(stack.enter_context(_input(file)), file)
        jobs = _begun(jobs)
        opened = stack.enter_context(open_store(store))
        done = import_jobs(opened, jobs, _Progress("imported").show)
    left_out = f"; {_jobs(done.present)} left out, whose handles are there already" if done.present else ""
    say(f"imported {_jobs(done.new)} into {redacted(store)}{left_out}", err=True)


class _Progress:
    """A line on standard error every few seconds."""

    def __init__(self, word: str) -> None:
        self._word = word
        self._next = time.monotonic() + _REPORT_EVERY

    def show(self, count: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _REPORT_EVERY
            say(f"{self._word} {_jobs(count)} so far", err=True)


def _jobs(count: int) -> str:
    return f"{count:,} job" if count == 1 else f"{count:,} jobs"


def _begun(jobs: Iterator[StoredJob]) -> Iterator[StoredJob]:
    """The same jobs, the first of them read already: where that fails no store has been made."""
    first = list(itertools.islice(jobs, 1))
    return itertools.chain(first, jobs)


def _read(lines: IO[bytes], file: str) -> Iterator[StoredJob]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield job_of(line)
            except ConfigurationError as error:
                raise ConfigurationError(f"{file}, line {number}: {error}; the jobs before it are in") from error


def _input(file: str) -> contextlib.AbstractContextManager[IO[bytes]]:
    if file == "-":
        return contextlib.nullcontext(sys.stdin.buffer)
    try:
        return open(file, "rb")
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}") from error


@contextlib.contextmanager
def _output(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    unfinished = f"{file}.part"
    try:
        with open(unfinished, "wb", opener=private) as output:
            os.fchmod(output.fileno(), mode_of(file))
            yield output
            output.flush()
            os.fsync(output.fileno())
        os.replace(unfinished, file)
    except BaseException as error:
        with contextlib.suppress(OSError):  # it may never have come to be
            os.unlink(unfinished)
        if isinstance(error, OSError):
            raise ConfigurationError(f"cannot write {file}: {error.strerror}") from error
        raise
