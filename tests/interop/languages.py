"""The clients and workers of several languages, as command lines, and what each library can do.

The programs themselves are in the folder scripts, whose README says how they are called.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from tests.fixtures.processes import PATIENCE

if TYPE_CHECKING:
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.processes import Process, StartProcess

SCRIPTS = Path(__file__).with_name("scripts")
#: Environment variable with the folder of the compiled C programs.
C_PROGRAMS = "GEARBRIDGE_TEST_C_PROGRAMS"


class Outcome(NamedTuple):
    """What a client's user sees."""

    status: int
    output: bytes
    reports: list[str]


class Client:
    """A client in one language. `abilities`: see README.md in scripts; "exceptions" means that it shows their text."""

    def __init__(self, name: str, command: list[str], abilities: str) -> None:
        self.name = name
        self.abilities = frozenset(abilities.split())
        self._command = command

    def do(
        self, server: JobServer, function: str, payload: bytes, *, priority: str = "normal", unique: str = ""
    ) -> Outcome:
        """Submit a foreground job and wait for its end."""
        return self._run(server, ["do", function, priority, unique], payload)

    def background(
        self, server: JobServer, function: str, payload: bytes, *, priority: str = "normal", unique: str = ""
    ) -> str:
        """Submit a background job; return its handle."""
        outcome = self._run(server, ["background", function, priority, unique], payload)
        assert outcome.status == 0, outcome
        return outcome.output.decode().split()[-1]  # the tool says "Task created: HANDLE"

    def job_status(self, server: JobServer, handle: str) -> list[int]:
        """Ask for a job's status: known, running, numerator, denominator."""
        outcome = self._run(server, ["status", handle], b"")
        assert outcome.status == 0, outcome
        return [int(field) for field in outcome.output.split()]

    def _run(self, server: JobServer, args: list[str], payload: bytes) -> Outcome:
        command = [*self._command, *self._arguments(server, args)]
        done = subprocess.run(command, input=payload, capture_output=True, timeout=PATIENCE, check=False)
        return Outcome(done.returncode, done.stdout, done.stderr.decode().splitlines())

    def _arguments(self, server: JobServer, args: list[str]) -> list[str]:
        return [server.host, str(server.port), *args]


class ToolClient(Client):
    """Debian's `gearman` command, which has options where the scripts have arguments."""

    def _arguments(self, server: JobServer, args: list[str]) -> list[str]:
        mode, function, priority, unique = args
        options = {"do": [], "background": ["-b", "-v"]}[mode] + {"high": ["-I"], "normal": [], "low": ["-L"]}[priority]
        unique_key = ["-u", unique] if unique else []
        return ["-h", server.host, "-p", str(server.port), *options, *unique_key, "-f", function]


class Worker:
    """A worker in one language. `text_only`: its library takes every result for text."""

    def __init__(self, name: str, command: list[str], abilities: str, *, text_only: bool = False) -> None:
        self.name = name
        self.abilities = frozenset(abilities.split())
        self.command = command
        self.text_only = text_only

    def start(self, server: JobServer, start_process: StartProcess) -> dict[str, Process]:
        """Start it for the functions `NAME.ABILITY`; return the process of each."""
        process = start_process(*self.command, server.host, str(server.port), self.name)
        return {f"{self.name}.{ability}": process for ability in self.abilities}


class ToolWorker(Worker):
    """`gearman -w` runs one command for all the functions of a process: here one process for each ability."""

    commands: ClassVar = {
        "reverse": "perl -0777 -ne 'print scalar reverse'",
        "nothing": "true",
        "fail": "false",
        "note": """sh -c '{ read -r file; read -r text; echo "$text" >>"$file"; }'""",
    }

    def start(self, server: JobServer, start_process: StartProcess) -> dict[str, Process]:
        connection = ["-h", server.host, "-p", str(server.port)]
        return {
            function: start_process(*self.command, *connection, "-w", "-f", function, "--", *shlex.split(command))
            for function, command in ((f"{self.name}.{ability}", command) for ability, command in self.commands.items())
        }


def script(interpreter: str, name: str) -> list[str]:
    return [interpreter, str(SCRIPTS / name)]


def node(name: str) -> list[str]:
    """The library gearmanode still uses what Node has deprecated; Node would say so on standard error."""
    return ["node", "--no-deprecation", str(SCRIPTS / "node" / name)]


def compiled(name: str) -> list[str]:
    """A C program, from where the fixture `c_programs` put it."""
    return ["sh", "-c", f'exec "${C_PROGRAMS}/{name}" "$@"', name]


EVERYTHING = "reverse nothing unique fail throw report note slow"

# pygearman asks no server for exceptions, and libgearman's tool takes no note of progress on its way.
CLIENTS = [
    ToolClient("tool", ["gearman"], "unique"),
    Client("c", compiled("client"), "unique status exceptions reports"),
    Client("php", script("php", "client.php"), "unique status exceptions reports"),
    Client("perl", script("perl", "client.pl"), "unique status exceptions reports"),
    Client("gearmanode", node("gearmanode_client.js"), "unique status exceptions reports"),
    Client("node-gearman", node("gearman_client.js"), "unique status exceptions reports"),
    Client("pygearman", script(sys.executable, "pygearman_client.py"), "unique status reports"),
    Client("gearbridge", script(sys.executable, "gearbridge_client.py"), "unique status exceptions reports"),
]
# Perl's library does not tell a worker the unique key. Those of Node and pygearman know no time-out.
WORKERS = [
    ToolWorker("tool", ["gearman"], "reverse nothing fail note"),
    Worker("c", compiled("worker"), f"{EVERYTHING} brief"),
    Worker("php", script("php", "worker.php"), f"{EVERYTHING} brief"),
    Worker("perl", script("perl", "worker.pl"), "reverse nothing fail throw report note slow brief"),
    Worker("gearmanode", node("gearmanode_worker.js"), EVERYTHING, text_only=True),
    Worker("node-gearman", node("gearman_worker.js"), EVERYTHING),
    Worker("pygearman", script(sys.executable, "pygearman_worker.py"), EVERYTHING),
    Worker("gearbridge", script(sys.executable, "gearbridge_worker.py"), f"{EVERYTHING} brief"),
]


#: Those that meet everybody. Any other client meets them, and the worker of its own language.
HUBS = {"gearbridge", "php"}


def pairs(ability: str, *of_client: str) -> list[tuple[Client, Worker]]:
    """The clients with these abilities, each with the workers that it meets and that can do `ability`."""
    return [
        (client, worker)
        for client in clients_with(*of_client)
        for worker in WORKERS
        if ability in worker.abilities and (HUBS & {client.name, worker.name} or client.name == worker.name)
    ]


def clients_with(*abilities: str) -> list[Client]:
    return [client for client in CLIENTS if client.abilities.issuperset(abilities)]
