"""`gearbridge work`: any command as a Gearman worker. It can do all that the `gearman` tool can as a worker."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Self

import click

from gearbridge.cli.options import as_name, seconds_option, servers_option, tls_options
from gearbridge.client.worker import Worker
from gearbridge.errors import JobFailed
from gearbridge.process.logs import Lines

from .output import Payloads, say
from .process_options import detach, pid_file_at, pid_file_option

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from gearbridge.client.job import Job
    from gearbridge.client.tls import Tls

_AFTER_DASHES = "gearbridge.work.command"
#: Bytes of standard error that are read at once, and of its last line that are kept.
_PIECE = 65_536
_MOST_OF_LINE = 1000
#: Seconds after a command's end for what it wrote to be read.
_AFTER_END = 2.0


class _WorkCommand(click.Command):
    """A command that knows what stood behind "--" (click itself forgets where that was)."""

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND [ARG]...]"]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            dashes = args.index("--")
            ctx.meta[_AFTER_DASHES] = args[dashes + 1 :]
            args = args[:dashes]
        return super().parse_args(ctx, args)


@click.command("work", cls=_WorkCommand)
@click.argument("functions", callback=as_name, nargs=-1, metavar="FUNCTION...")
@click.option(
    "--function",
    "-f",
    "more",
    multiple=True,
    callback=as_name,
    metavar="FUNCTION",
    help="Another function; repeatable.",
)
@click.option("--count", "-c", type=click.IntRange(1), metavar="N", help="End after N jobs. [default: never]")
@click.option(
    "--whole-lines", "-n", "lines", flag_value="whole", help="Send each line of output to the client as it comes."
)
@click.option("--lines", "-N", "lines", flag_value="bare", help="The same, without the line's end.")
@click.option("--verbose", "-v", is_flag=True, help="Print a line for each job to standard error.")
@click.option("--daemon", "-d", is_flag=True, help="Go to the background.")
@pid_file_option
@servers_option
@tls_options
@seconds_option("--timeout", "-t", help="The server takes a job away that takes longer. [default: no limit]")
@click.option("--client-id", metavar="NAME", help="Name in `gearbridge admin workers`. [default: HOST:PROCESS]")
@click.pass_context
def command(
    ctx: click.Context,
    functions: tuple[bytes, ...],
    more: tuple[bytes, ...],
    count: int | None,
    lines: str | None,
    verbose: bool,
    daemon: bool,
    pid_file: Path | None,
    servers: tuple[str, ...],
    tls: Tls | None,
    timeout: float | None,
    client_id: str | None,
) -> None:
    """Run COMMAND for each job of each FUNCTION.

    COMMAND gets a job's payload on standard input, and GEARBRIDGE_HANDLE, GEARBRIDGE_FUNCTION, GEARBRIDGE_UNIQUE_KEY
    and TRACEPARENT (empty where the job has no trace) in its environment. Its standard output is the result; an exit
    status other than 0 makes the job fail, and what it wrote goes ahead of that as data. The status, and the last line
    that it wrote to standard error, are the reason. Without COMMAND each payload is printed on a line.

    SIGTERM or Ctrl-C: finish the running job, then leave. A second time: leave at once, and the server gives the job to
    another worker.

    \b
    Examples:
      gearbridge work reverse -- rev
      gearbridge work resize thumbnail -- sh -c 'convert - -resize 200 jpg:-'
    """
    functions += more
    if not functions:
        raise click.UsageError("Missing argument 'FUNCTION...'.")
    argv: list[str] | None = ctx.meta.get(_AFTER_DASHES)
    if argv is not None and not argv:
        raise click.UsageError("there is no COMMAND behind --")
    if argv and shutil.which(argv[0]) is None:
        raise click.UsageError(f"there is no command {argv[0]!r}")
    log = logging.StreamHandler()
    log.setFormatter(Lines("gearbridge: %(message)s"))
    logging.basicConfig(handlers=[log], level=logging.INFO if verbose else logging.WARNING)
    try:
        worker = Worker(servers, client_id=client_id, tls=tls)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--client-id") from error
    for function in functions:
        worker.register(function, _Runner(argv, lines) if argv else _print, timeout)
    names = ", ".join(os.fsdecode(function) for function in functions)
    say(f"gearbridge: working for {names} on {', '.join(worker.servers)}", err=True)
    if daemon:
        detach()
    _stop_on_signals(worker)
    with pid_file_at(pid_file):
        worker.work(count)


class _Runner:
    """Does a job by running a command. `lines`: whether each line of output goes ahead, "whole" or "bare"."""

    def __init__(self, argv: list[str], lines: str | None) -> None:
        self._argv = argv
        self._lines = lines

    def __call__(self, job: Job) -> bytes:
        with tempfile.TemporaryFile() as payload:  # not a pipe: the command may write before it has read
            payload.write(job.payload)
            payload.seek(0)
            # In a process group of its own, because Ctrl-C goes to the whole group of the terminal.
            with (
                _Errors() as errors,
                subprocess.Popen(
                    self._argv,
                    stdin=payload,
                    stdout=subprocess.PIPE,
                    stderr=errors.file,
                    env=_environment(job),
                    process_group=0,
                ) as process,
            ):
                errors.close()
                try:
                    result = self._take_output(process, job)
                except BaseException:  # a second signal, or a lost connection: the job is another worker's now
                    os.killpg(process.pid, signal.SIGKILL)
                    raise
        if process.returncode:
            status = process.returncode
            what = f"status {status}" if status > 0 else signal.Signals(-status).name
            if result:
                job.send_data(result)
            last = errors.last_line()
            raise JobFailed(job.handle, f"{shlex.join(self._argv)} ended with {what}" + (f": {last}" if last else ""))
        return result

    def _take_output(self, process: subprocess.Popen[bytes], job: Job) -> bytes:
        assert process.stdout is not None
        if self._lines is None:
            return process.stdout.read()
        for line in process.stdout:
            job.send_data(line.removesuffix(b"\n") if self._lines == "bare" else line)
        return b""


class _Errors:
    """Passes on what a command writes to `file` as its standard error, and remembers the last line that is not empty.

    A context manager, which closes `file`; the command has its own copy.
    """

    def __init__(self) -> None:
        self._source, self.file = os.pipe()
        self._is_open = True
        self._last = b""
        self._thread = threading.Thread(target=self._pass_on, name="errors", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Leave the file to the command: it ends with it."""
        if self._is_open:
            self._is_open = False
            os.close(self.file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def last_line(self) -> str:
        """Return the line, once the command has ended. A program that it left behind may hold the file open."""
        self._thread.join(_AFTER_END)
        return self._last.decode("utf-8", "backslashreplace")

    def _pass_on(self) -> None:
        unfinished = b""
        while piece := os.read(self._source, _PIECE):
            with contextlib.suppress(OSError):  # our own standard error is closed
                os.write(2, piece)
            *lines, unfinished = (unfinished + piece).split(b"\n")
            for line in (*lines, unfinished):
                self._last = line.strip()[-_MOST_OF_LINE:] or self._last
            unfinished = unfinished[-_MOST_OF_LINE:]
        os.close(self._source)


def _environment(job: Job) -> dict[str, str]:
    return {
        **os.environ,
        "GEARBRIDGE_HANDLE": job.handle,
        "GEARBRIDGE_FUNCTION": job.function,
        "GEARBRIDGE_UNIQUE_KEY": job.unique_key,
        "TRACEPARENT": job.traceparent,
    }


def _print(job: Job) -> None:
    try:
        printed = Payloads()
        printed.write(job.payload)
        printed.end()
        printed.write(b"\n")
    except BrokenPipeError:
        # Standard output is closed: leave without an answer, and the job goes to another worker.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  or Python complains at exit
        sys.exit(1)


def _stop_on_signals(worker: Worker) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        for other in (signal.SIGTERM, signal.SIGINT):
            signal.signal(other, leave)
        # Not through click: a handler may interrupt a write to the same stream.
        os.write(2, b"gearbridge: finishing the running job; a second signal leaves it to another worker\n")
        worker.stop()

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
