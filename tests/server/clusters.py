"""Databases on several hosts, of which a test kills one: PostgreSQL with a standby, Galera, Group Replication."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import psycopg
import pymysql

from gearbridge.extension.mysql import install_mysql
from tests.fixtures.galera import Galera
from tests.fixtures.group_replication import Group
from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until
from tests.fixtures.replicas import Pair

from .outage import Mortal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fixtures.galera import Node
    from tests.fixtures.group_replication import Member

#: MySQL's functions take no fewer arguments.
_ENQUEUE = "SELECT gman_enqueue('f', %s, NULL, NULL, NULL, NULL, NULL)"


class Cluster(Mortal, Protocol):
    """A database on several hosts: `kill` ends the one that takes writes, `start` returns when another one does."""

    #: With all hosts.
    url: str

    def connect_anywhere(self) -> contextlib.AbstractContextManager[Callable[[str], None]]:
        """A session at the host that takes writes, which enqueues a job of this payload. It raises OSError."""

    def hang(self) -> None:
        """In place of `kill`: the host goes on to be there, and does nothing."""

    def mend(self) -> None:
        """Have as many hosts as in the beginning."""


class ReplicatedPostgreSQL:
    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.pair = stack.enter_context(Pair())
        self.url = self.pair.url

    @contextlib.contextmanager
    def connect_anywhere(self) -> Iterator[Callable[[str], None]]:
        try:
            with psycopg.connect(f"{self.url}?target_session_attrs=read-write", autocommit=True) as session:
                yield lambda payload: value(session, "SELECT gman_enqueue('f', %s::text)", payload)
        except psycopg.OperationalError as error:
            raise OSError(error) from error

    def kill(self) -> None:
        self.pair.kill()

    def hang(self) -> None:
        self.pair.hang()

    def start(self) -> None:
        self.pair.promote()

    def mend(self) -> None:
        self.pair.follow()


class MySQLGroup:
    """Group Replication: the group chooses who takes writes."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._group = stack.enter_context(Group())
        self._killed: Member | None = None
        self.url = self._group.make_database()
        self._database = self.url.rpartition("/")[2]
        install_mysql(self.url)

    @contextlib.contextmanager
    def connect_anywhere(self) -> Iterator[Callable[[str], None]]:
        primary = self._group.primary()
        if primary is None:
            raise OSError("nobody takes writes")
        try:
            with primary.connect(self._database) as session, session.cursor() as cursor:
                yield lambda payload: cursor.execute(_ENQUEUE, (payload,))
        except pymysql.Error as error:
            raise OSError(error) from error

    def kill(self) -> None:
        self._killed = self._group.primary()
        assert self._killed
        self._killed.kill()

    def hang(self) -> None:
        self._killed = self._group.primary()
        assert self._killed
        self._killed.hang()

    def start(self) -> None:
        wait_until(lambda: self._group.primary() not in (None, self._killed), 60, "the group to choose another primary")

    def mend(self) -> None:
        assert self._killed
        if self._killed.running:  # it hangs
            self._killed.kill()
        self._killed.start()
        self._killed.join()
        self._killed = None


class MariaDBGalera:
    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._galera = stack.enter_context(Galera())
        self._killed: Node | None = None
        self.url = self._galera.make_database()
        self._database = self.url.rpartition("/")[2]
        install_mysql(self.url)

    @contextlib.contextmanager
    def connect_anywhere(self) -> Iterator[Callable[[str], None]]:
        node = next(node for node in self._galera.nodes if node is not self._killed)
        try:
            with node.connect(self._database) as session, session.cursor() as cursor:
                yield lambda payload: cursor.execute(_ENQUEUE, (payload,))
        except pymysql.Error as error:
            raise OSError(error) from error

    def kill(self) -> None:
        self._killed = self.holders()[0]
        self._killed.kill()

    def hang(self) -> None:
        self._killed = self.holders()[0]
        self._killed.hang()

    def start(self) -> None:
        alive = [node for node in self._galera.nodes if node is not self._killed]
        wait_until(lambda: all(node.state("wsrep_cluster_size") == "2" for node in alive), what="a new cluster of two")

    def mend(self) -> None:
        assert self._killed
        if self._killed.running:  # it hangs
            self._killed.kill()
        self._killed.start()
        self._killed = None

    def url_of_last(self) -> str:
        """The URL with the last node only."""
        return self.url.replace(self.url.partition("@")[2].rpartition(",")[0] + ",", "127.0.0.1:1,")

    @contextlib.contextmanager
    def last_behind(self) -> Iterator[Callable[[], object]]:
        """Have the last node apply nothing of what the others commit; gives whether somebody waits for it."""
        with self._galera.nodes[-1].connect() as session, session.cursor() as cursor:
            cursor.execute("FLUSH TABLES WITH READ LOCK")
            question = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT version FROM%'"
            yield lambda: cursor.execute(question) and cursor.fetchone() == (1,)
            cursor.execute("UNLOCK TABLES")

    def leave_one(self) -> Node:
        """Kill all nodes but the one on which a server has the job table, until that is cut off; return it."""
        left = self.holders()[0]
        for node in self._galera.nodes:
            if node not in {left, self._killed}:
                node.kill()
        wait_until(lambda: left.state("wsrep_cluster_status") == "non-Primary", what="the last one to see that it is")
        return left

    def holders(self) -> list[Node]:
        """The nodes on which a server has the job table."""
        digest = f"LEFT(SHA2(CONCAT('{self._database}:', lock_key), 256), 48)"
        question = f"SELECT IS_USED_LOCK(CONCAT('gearbridge.', {digest})) FROM {self._database}.gearbridge_schema"
        found = []
        for node in self._galera.nodes:
            if node is not self._killed:
                with node.connect() as session, session.cursor() as cursor:
                    cursor.execute(question)
                    found += [node] if cursor.fetchone() != (None,) else []
        return found
