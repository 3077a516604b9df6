"""Databases that two nodes share through a switch, and the ways in which they go away for a while, for both."""

from __future__ import annotations

import re
import threading
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import psycopg
import pymysql
from sqlalchemy.engine import make_url

from tests.fixtures.mysql import SERVERS
from tests.fixtures.postgres import frozen_postgres, kill_postgres
from tests.fixtures.processes import wait_until
from tests.fixtures.replicas import Pair
from tests.fixtures.switch import Switch

from .wire_client import WireClient

if TYPE_CHECKING:
    import contextlib
    from collections import Counter
    from collections.abc import Callable
    from pathlib import Path


class Outages(ABC):
    """A database behind a switch. Each outage lasts so many seconds, and is over on return."""

    #: What servers use.
    url: str
    switch: Switch

    @property
    def kinds(self) -> dict[str, Callable[[float], None]]:
        """The outages there are, by name."""
        return {"broken connections": self.cut, "restart": self.restart, "stopped processes": self.stop}

    def cut(self, seconds: float) -> None:
        """Break all connections, and let none be made."""
        self.switch.cut()
        time.sleep(seconds)
        self.switch.mend()

    @abstractmethod
    def over(self, switch: Switch) -> str:
        """The URL of a server that uses another switch, which is pointed at `port`."""

    @property
    @abstractmethod
    def port(self) -> int:
        """Where it takes writes now."""

    @abstractmethod
    def restart(self, seconds: float) -> None:
        """End the database, and start it again."""

    @abstractmethod
    def stop(self, seconds: float) -> None:
        """Stop its processes, and have them go on."""

    @abstractmethod
    def count(self, function: str, table: str = "job") -> int:
        """Rows of a function's unfinished jobs, or in another table."""

    def errors(self) -> list[str]:
        """What the database's log says of statements that failed."""
        return []


class PostgreSQLOutages(Outages):
    """A primary and a standby that it waits for."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._pair = stack.enter_context(Pair())
        self._pair_logs: set[Path] = set()
        self.switch = stack.enter_context(Switch(self._pair.primary.port))
        self.url = self.over(self.switch)
        self._turn = 0

    def over(self, switch: Switch) -> str:
        return self._pair.primary.url("jobs").replace(f":{self.port}/", f":{switch.port}/")

    @property
    def port(self) -> int:
        return self._pair.primary.port

    @property
    def kinds(self) -> dict[str, Callable[[float], None]]:
        return {**super().kinds, "switchover": self.switch_over}

    def restart(self, seconds: float) -> None:
        self._turn += 1
        primary = self._pair.primary
        if self._turn % 2:
            kill_postgres(primary)
        else:
            primary.halt()
        time.sleep(seconds)
        primary.restart()

    def stop(self, seconds: float) -> None:
        with frozen_postgres(self._pair.primary):
            time.sleep(seconds)

    def switch_over(self, seconds: float) -> None:
        """End the primary, make the standby the new one, and have that wait for another standby."""
        self._pair_logs.add(self._pair.primary.log)
        self._pair.kill()
        time.sleep(seconds)
        self._pair.promote()
        self.switch.mend(self._pair.primary.port)
        self._pair.follow()

    def count(self, function: str, table: str = "job") -> int:
        query = f"SELECT count(*) FROM gearbridge.gearbridge_{table} WHERE function = %s"
        with self._pair.connect() as session:
            found = session.execute(query.encode(), [function]).fetchone()
        assert found is not None
        number: int = found[0]
        return number

    def errors(self) -> list[str]:
        lines: list[str] = []
        for log in (*self._pair_logs, self._pair.primary.log):
            text = log.read_text(encoding="utf-8", errors="replace")
            lines += re.findall(
                r"^.*\b(?:ERROR|PANIC):.*(?:\n.*\b(?:DETAIL|HINT|CONTEXT|STATEMENT):.*)*", text, re.MULTILINE
            )
        return lines


class MySQLOutages(Outages):
    """One MySQL or MariaDB."""

    def __init__(self, stack: contextlib.ExitStack, kind: str) -> None:
        self._server = stack.enter_context(SERVERS[kind]("--innodb-flush-log-at-trx-commit=1"))
        self._url = make_url(self._server.make_database())
        self.switch = stack.enter_context(Switch(self._server.port))
        self.url = self.over(self.switch)
        self._turn = 0

    def over(self, switch: Switch) -> str:
        return self._url.set(port=switch.port).render_as_string(hide_password=False)

    @property
    def port(self) -> int:
        return self._server.port

    def restart(self, seconds: float) -> None:
        self._turn += 1
        if self._turn % 2:
            self._server.kill()
        else:
            self._server.stop()
        time.sleep(seconds)
        self._server.start()

    def stop(self, seconds: float) -> None:
        self._server.hang()
        time.sleep(seconds)
        self._server.resume()

    def count(self, function: str, table: str = "job") -> int:
        with self._server.connect(self._url.database) as session, session.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM gearbridge_{table} WHERE `function` = %s", (function,))
            found = cursor.fetchone()
        assert found is not None
        number: int = found[0]
        return number


#: What it is that goes away, however it says so.
GONE = (psycopg.OperationalError, pymysql.OperationalError)


class Submitter:
    """A client that submits so many jobs a second, whatever becomes of those before, and takes in the replies."""

    def __init__(self, port: int, rate: float) -> None:
        self.submitted = 0
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self.pausing = threading.Event()
        self._rate = rate
        self._stop = threading.Event()
        self._client = WireClient(port)
        self._client.socket.settimeout(120)
        self._threads = [threading.Thread(target=one) for one in (self._submit, self._hear)]
        for thread in self._threads:
            thread.start()

    @property
    def is_answered(self) -> bool:
        """Whether all that was submitted was acknowledged or refused."""
        return len(self.acknowledged) + len(self.refused) == self.submitted

    def end(self) -> None:
        """Submit no more, and disconnect."""
        self._stop.set()
        self._threads[0].join()
        self._client.send("ECHO_REQ", "end")
        self._threads[1].join(120)
        self._client.close()

    def _submit(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            due = max(due + 1 / self._rate, time.monotonic() - 0.5)
            self._stop.wait(max(0.0, due - time.monotonic()))
            if not self.pausing.is_set():
                self.submitted += 1
                self._client.send("SUBMIT_JOB_BG", "f", "", "x" * 50)

    def _hear(self) -> None:
        while (reply := self._client.hear())[0] != "ECHO_RES":
            if reply[0] == "JOB_CREATED":
                self.acknowledged.append(reply[1])
            else:
                self.refused.append(reply[-1])


class Hand:
    """A worker that stays with its node."""

    def __init__(self, port: int, done: Counter[str]) -> None:
        self._done = done
        self._stop = threading.Event()
        self._client = WireClient(port)
        self._client.socket.settimeout(120)
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def end(self) -> None:
        """Work no more, and disconnect."""
        self._stop.set()
        self._thread.join(10)
        self._client.close()

    def _work(self) -> None:
        self._client.send("CAN_DO", "f")
        while not self._stop.is_set():
            reply = self._client.ask("GRAB_JOB")
            while reply[0] == "NOOP":
                reply = self._client.hear()
            if reply[0] == "JOB_ASSIGN":
                time.sleep(0.005)
                self._done[reply[1]] += 1
                self._client.send("WORK_COMPLETE", reply[1], "")
            else:
                self._stop.wait(0.05)


def total_of(lines: list[str], function: str) -> int:
    """How many unfinished jobs of a function `status` shows."""
    return next((int(line.split("\t")[1]) for line in lines if line.startswith(f"{function}\t")), 0)


def wait_for_database(outages: Outages) -> None:
    """Wait until the database answers."""

    def answers() -> bool:
        try:
            outages.count("f")
        except GONE:
            return False
        return True

    wait_until(answers, 60, "the database to answer")
