"""How many files and functions of the package one job enters, in all threads of the server.

    python -m tests.bench.path_length [--list]

Counted are a background submit over a store in memory and over PostgreSQL, from the packet to the last thing that it
causes, and a node's claim and grab: from a worker's CAN_DO to its JOB_ASSIGN. Of several tries the shortest counts,
for timers may fall into one. `--list` prints the functions.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

import gearbridge
from gearbridge.extension.cluster import TemporaryCluster
from gearbridge.ports import free_port
from gearbridge.server.config import ServerConfig
from gearbridge.server.opening import store_of
from gearbridge.server.service import Service
from gearbridge.wire import commands
from gearbridge.wire.packets import RESPONSE_MAGIC, request
from gearbridge.wire.parser import PacketParser
from tests.fixtures.postgres import make_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from types import CodeType, FrameType

_PACKAGE = str(Path(gearbridge.__file__).parent) + "/"
#: What newer Pythons call no function for.
_COMPREHENSIONS = {"<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>"}
_TRIES = 7
#: Seconds for what still happens behind a reply.
_AFTERWARDS = 0.02
_PATIENCE = 30.0


class Entered(NamedTuple):
    """The functions that were entered, with their files."""

    functions: frozenset[str]
    calls: int

    @property
    def files(self) -> int:
        """Number of files."""
        return len({name.partition(":")[0] for name in self.functions})


class Profile:
    """What is entered while `recording`, in the threads that began since it was made, and in its own."""

    def __init__(self) -> None:
        self._recording = False
        self._codes: list[CodeType] = []

    def __enter__(self) -> Profile:
        threading.setprofile(self._event)
        sys.setprofile(self._event)
        return self

    def __exit__(self, *_error: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _event(self, frame: FrameType, event: str, _argument: object) -> None:
        if self._recording and event == "call":
            self._codes.append(frame.f_code)

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Record while the block runs."""
        self._codes = []
        self._recording = True
        try:
            yield
        finally:
            self._recording = False

    def entered(self) -> Entered:
        """What was recorded last, comprehensions left out."""
        ours = [
            f"{code.co_filename.removeprefix(_PACKAGE)}:{code.co_qualname}"
            for code in self._codes
            if code.co_filename.startswith(_PACKAGE) and code.co_name not in _COMPREHENSIONS
        ]
        return Entered(frozenset(ours), len(ours))


class _Signals:
    """No signals: the service is stopped by a call."""

    def attach(self, _loop: object, _daemon: object) -> None:
        """Nothing to attach."""


class Caller:
    """A connection to the server, in the same event loop. It enters the package for its replies only."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, *packets: bytes) -> bytes:
        """Send packets and return what comes first."""
        self._writer.write(b"".join(packets))
        async with asyncio.timeout(_PATIENCE):
            return await self._reader.read(1 << 16)

    def close(self) -> None:
        """Leave."""
        self._writer.close()


@contextlib.asynccontextmanager
async def served(store: str, **options: Any) -> AsyncIterator[Callable[[], Awaitable[Caller]]]:
    """Serve in this loop while the block runs; give what connects."""
    config = ServerConfig(store=store, port=free_port(), **options)
    with contextlib.closing(store_of(config)) as opened:
        opened.open()
        ready = asyncio.Event()
        service = Service(config, opened, None, lambda _line: ready.set())
        task = asyncio.ensure_future(service.serve(_Signals()))  # type: ignore[arg-type]
        async with asyncio.timeout(_PATIENCE):
            await ready.wait()

        async def connect() -> Caller:
            return Caller(*await asyncio.open_connection("127.0.0.1", config.port))

        try:
            yield connect
        finally:
            service.stop()
            await task


async def submits(profile: Profile, store: str, **options: Any) -> list[Entered]:
    """Submit in background several times."""
    found = []
    packet = request(commands.SUBMIT_JOB_BG, b"f", b"", b"payload")
    async with served(store, **options) as connect:
        caller = await connect()
        await caller.ask(packet)
        for _ in range(_TRIES):
            await asyncio.sleep(_AFTERWARDS)
            with profile.recording():
                await caller.ask(packet)
                await asyncio.sleep(_AFTERWARDS)
            found.append(profile.entered())
        caller.close()
    return found


async def claims(profile: Profile, store: str, **options: Any) -> list[Entered]:
    """Claim and grab several times: a job waits in the table, and a worker comes that can do it."""
    found = []
    parser = PacketParser(RESPONSE_MAGIC)
    async with served(store, **options) as connect:
        client = await connect()
        for number in range(_TRIES):
            function = b"f%d" % number
            await client.ask(request(commands.SUBMIT_JOB_BG, function, b"", b"payload"))
            worker = await connect()
            await asyncio.sleep(_AFTERWARDS)
            come = request(commands.CAN_DO, function), request(commands.PRE_SLEEP)
            grab = request(commands.GRAB_JOB)
            with profile.recording():
                await worker.ask(*come)
                assigned = await worker.ask(grab)
            found.append(profile.entered())
            ((command, (handle, *_)),) = parser.feed(assigned)
            assert command == commands.JOB_ASSIGN
            worker._writer.write(request(commands.WORK_COMPLETE, handle, b""))
            await asyncio.sleep(_AFTERWARDS)
            worker.close()
        client.close()
    return found


def measure() -> dict[str, Entered]:
    """The shortest path of each kind."""
    with Profile() as profile, TemporaryCluster() as cluster:
        found = {
            "background submit, memory": asyncio.run(submits(profile, "memory:")),
            "background submit, PostgreSQL": asyncio.run(submits(profile, make_database(cluster).url)),
            "background submit, a node": asyncio.run(submits(profile, make_database(cluster).url, node="a")),
            "claim and grab, a node": asyncio.run(claims(profile, make_database(cluster).url, node="a")),
        }
    return {name: min(tries, key=lambda one: len(one.functions)) for name, tries in found.items()}


@click.command()
@click.option("--list", "listed", is_flag=True, help="Print the functions.")
def main(listed: bool) -> None:
    """Print the figures."""
    for name, entered in measure().items():
        click.echo(f"{name}: {entered.files} files, {len(entered.functions)} functions, {entered.calls} calls")
        if listed:
            for function in sorted(entered.functions):
                click.echo(f"    {function}")


if __name__ == "__main__":
    main()
