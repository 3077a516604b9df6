"""A temporary PostgreSQL cluster, for the tests and the demo. It knows nothing of Gearman and of our extensions.

Rules of this file:
1. Everything it makes is in one new folder, which `stop` removes. Nothing of the system's PostgreSQL is written.
2. It listens on 127.0.0.1 only, on a free port, with a random password; the socket's folder is the owner's alone.
3. It never runs as root: started by root, it gives itself to `postgres` or `nobody`.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from ..errors import ConfigurationError
from ..ports import free_port
from .installation import Installation, copy_installation, find_installation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_START_TRIES = 3  # another program may take the free port between our look and PostgreSQL's
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0


class _Identity(TypedDict, total=False):
    """Arguments for subprocess that set the user; empty for our own."""

    user: int
    group: int
    extra_groups: list[int]


class TemporaryCluster:
    """PostgreSQL with PL/Python in a temporary folder; a context manager.

    `settings` are server parameters (``{"fsync": "off"}``). `source` is the PostgreSQL to run, by default the newest
    with PL/Python that is installed. Raises ConfigurationError where PostgreSQL is missing or does not start; the
    message has the end of its log.
    """

    def __init__(self, settings: Mapping[str, str] | None = None, source: Installation | None = None) -> None:
        self._settings = dict(settings or {})
        self._source = source
        self._password = secrets.token_hex(12)
        self._identity, self._owner = _unprivileged()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.folder = Path()
        self.installation = Installation(0, Path(), Path(), Path())

    def __enter__(self) -> TemporaryCluster:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.folder / "log"

    @property
    def pid(self) -> int:
        """The process id of the server."""
        if self._process is None:
            raise ConfigurationError("the cluster is not running")
        return self._process.pid

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """A connection URL; only the superuser `postgres` has a password here, so others need one set first."""
        password = f":{self._password}" if user == "postgres" else ""
        return f"postgresql://{user}{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Make the cluster and wait until it takes connections."""
        source = self._source or find_installation()
        self.folder = Path(tempfile.mkdtemp(prefix="gearbridge-pg-"))
        try:
            self.installation = copy_installation(source, self.folder / "installation")
            self._initdb()
            self._launch()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and remove the folder. Calling it again changes nothing."""
        process, self._process = self._process, None
        if process is not None:
            _stop(process)
        if self.folder != Path():
            shutil.rmtree(self.folder, ignore_errors=True)

    def halt(self) -> None:
        """Stop the server; `restart` starts it again."""
        if self._process is not None:
            _stop(self._process)

    def restart(self) -> None:
        """Stop and start the server on the same port, with the same data."""
        self.halt()
        self._process = self._spawn()
        if not self._ready(self._process):
            raise ConfigurationError(self._complaint("PostgreSQL did not start again"))

    def _initdb(self) -> None:
        secret = self.folder / "password"
        secret.write_text(self._password, encoding="ascii")
        secret.chmod(0o600)
        if self._owner is not None:
            for path in (self.folder, secret):
                os.chown(path, *self._owner)
        command: list[str | Path] = [self.installation.bin / "initdb", "--pgdata", self.folder / "data", "--no-sync"]
        command += ["--username=postgres", "--pwfile", secret, "--auth-local=trust", "--auth-host=scram-sha-256"]
        command += ["--no-locale", "--encoding=UTF8"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False, **self._identity)
        secret.unlink()
        if done.returncode:
            raise ConfigurationError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")

    def _launch(self) -> None:
        for _ in range(_START_TRIES):
            self.port = free_port()
            process = self._spawn()
            self._process = process
            if self._ready(process):
                return
            _stop(process)
        raise ConfigurationError(self._complaint("PostgreSQL did not start"))

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            **self._settings,
        }
        command: list[str | Path] = [self.installation.bin / "postgres", "-D", self.folder / "data"]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            # Its own session: Ctrl-C in a terminal must not stop it before those who still use it.
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                **self._identity,
            )

    def _ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until the server's pid file has the status "ready"; return False where the server ended instead."""
        status = self.folder / "data" / "postmaster.pid"
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                lines = status.read_text().splitlines()
            except OSError:
                lines = []
            if len(lines) > 7 and lines[0].strip() == str(process.pid) and lines[7].strip() == "ready":
                return True
            time.sleep(0.01)
        return False

    def _complaint(self, what: str) -> str:
        tail = self.log.read_text(errors="replace").splitlines()[-10:] if self.log.exists() else []
        return "\n".join([f"{what} in {self.folder}; its log ends:", *tail])


def _unprivileged() -> tuple[_Identity, tuple[int, int] | None]:
    if os.geteuid() != 0:
        return {}, None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}, (entry.pw_uid, entry.pw_gid)
    raise ConfigurationError("PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGINT, signal.SIGQUIT):  # PostgreSQL's fast shutdown, then its immediate one
        if process.poll() is None:
            process.send_signal(how)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return
    process.kill()
    process.wait()
