"""The alert rules of docs/examples/monitoring, on what real servers show before, in and after each trouble."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import gearbridge
from gearbridge import Client
from gearbridge.dashboard import bridge_metrics, metrics
from gearbridge.errors import ServerError
from gearbridge.ports import free_port
from gearbridge.stores.registry import store_for
from tests.fixtures.dashboard import HTTP, WatchedBridge, WatchedServer
from tests.fixtures.processes import wait_until
from tests.fixtures.promtool import Recording, promtool
from tests.fixtures.switch import Switch
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from collections.abc import Callable

    from gearbridge import Job
    from tests.fixtures.bridge import StartBridge
    from tests.fixtures.dashboard import Watched
    from tests.fixtures.full_disk import Disk
    from tests.fixtures.postgres import Database
    from tests.fixtures.server import GearbridgeServer

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs" / "examples" / "monitoring" / "alerts.yml"
DASHBOARD = RULES.with_name("dashboard.json")
PAGE = (ROOT / "docs" / "howto" / "monitoring.md").read_text(encoding="utf-8")
NAMES = set(re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8")))
METRICS = {**metrics.METRICS, **bridge_metrics.METRICS}
#: Scrapes of a phase, a minute apart: longer than the rules wait.
MINUTES = 12
_FUNCTION = "resize"
_LABELS = f'{{function="{_FUNCTION}"}}'


class Story:
    """Phases of one recording; each ends with the alerts that are to fire."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._recording = Recording()

    def phase(
        self,
        *alerts: str,
        minutes: int = MINUTES,
        meanwhile: Callable[[], None] | None = None,
        **servers: Watched | None,
    ) -> None:
        """Scrape for so many minutes, and do something before each scrape."""
        for _ in range(minutes):
            if meanwhile is not None:
                meanwhile()
            self._recording.scrape(**servers)
        self._recording.expect(*alerts)

    def check(self) -> None:
        """Have promtool say whether the alerts did fire and end."""
        self._recording.check(RULES, self._folder)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def shows(server: Watched, name: str, value: float) -> None:
    """Wait until a metric has this value."""
    wait_until(lambda: server.metrics().get(name) == value, what=f"{name} to be {value:g}")


def fail(job: Job) -> None:
    raise ValueError(job.handle)


def reopened(url: str) -> str:
    """Make the job table of an SQLite file."""
    store = store_for(url)
    store.open()
    store.close()
    return url


def test_the_rules_are_sound() -> None:
    promtool("check", "rules", RULES)
    expressions = " ".join(
        re.findall(r"expr: (.*?)\n        (?:for|labels):", RULES.read_text(encoding="utf-8"), re.DOTALL)
    )
    assert expressions.count("gearbridge_") > 10
    assert set(re.findall(r"\bgearbridge_\w+", expressions)) <= set(METRICS)


def test_the_dashboard_asks_for_metrics_that_there_are(tmp_path: Path) -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    asked = {re.sub("_bucket$", "", name) for text in expressions for name in re.findall(r"\bgearbridge_\w+", text)}
    assert asked <= set(METRICS)
    rules = [
        {"record": f"panel_{number}", "expr": text.replace("$__rate_interval", "5m").replace("$job", ".*")}
        for number, text in enumerate(expressions)
    ]
    (tmp_path / "panels.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    promtool("check", "rules", tmp_path / "panels.yml")


def test_the_page_explains_each_alert_and_repeats_no_rule() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) >= NAMES
    assert "expr:" not in PAGE


def test_each_alert_has_its_trouble_here() -> None:
    phases = re.findall(r"story\.phase\(([^)]*)", Path(__file__).read_text(encoding="utf-8"))
    assert {name for phase in phases for name in re.findall(r'"(\w+)"', phase)} == NAMES


def test_nobody_works(watched: WatchedServer, story: Story) -> None:
    with working(watched.address, **{_FUNCTION: lambda job: None}), Client(watched.address) as client:
        client.do(_FUNCTION)
        shows(watched, f"gearbridge_jobs_completed_total{_LABELS}", 1)
        story.phase(server=watched)
    with Client(watched.address) as client:
        client.do_background(_FUNCTION)
    shows(watched, f"gearbridge_workers{_LABELS}", 0)
    shows(watched, f'gearbridge_jobs_queued{{function="{_FUNCTION}",priority="normal"}}', 1)
    story.phase("NobodyWorks", server=watched)
    with working(watched.address, **{_FUNCTION: lambda job: None}):
        shows(watched, f"gearbridge_jobs_completed_total{_LABELS}", 2)
        story.phase(server=watched)
    story.check()


def test_jobs_of_sql_that_nobody_works_and_that_wait_too_long(tmp_path: Path, story: Story) -> None:
    url = reopened(f"sqlite:///{tmp_path / 'jobs.db'}")
    with WatchedServer(tmp_path, "--store", url) as server:
        story.phase(server=server)
        with closing(sqlite3.connect(tmp_path / "jobs.db")) as db, db:
            gearbridge.enqueue(db, _FUNCTION, b"p")
            db.execute("UPDATE gearbridge_job SET enqueued = enqueued - 1000")
        shows(server, f'gearbridge_jobs_queued{{function="{_FUNCTION}",priority="normal"}}', 1)
        story.phase("JobsWaitTooLong", "NobodyWorks", server=server)
        with working(server.address, **{_FUNCTION: lambda job: None}):
            shows(server, f"gearbridge_jobs_completed_total{_LABELS}", 1)
            shows(server, f"gearbridge_oldest_job_seconds{_LABELS}", 0)
            story.phase(server=server)
    story.check()


def _rounds(server: WatchedServer, metric: str) -> Callable[[], None]:
    """Return a function that submits a job and waits until the metric counts one more."""

    def next_round() -> None:
        before = server.metrics().get(metric, 0)
        with Client(server.address) as client:
            client.do_background(_FUNCTION)
        wait_until(lambda: server.metrics().get(metric, 0) > before, what=f"{metric} to grow")

    return next_round


def test_jobs_fail(watched: WatchedServer, story: Story) -> None:
    done, failed = (f"gearbridge_jobs_{how}_total{_LABELS}" for how in ("completed", "failed"))
    with working(watched.address, **{_FUNCTION: lambda job: None}):
        story.phase(server=watched, meanwhile=_rounds(watched, done))
    with working(watched.address, **{_FUNCTION: fail}):
        story.phase("JobsFail", server=watched, meanwhile=_rounds(watched, failed))
    with working(watched.address, **{_FUNCTION: lambda job: None}):
        story.phase(server=watched, meanwhile=_rounds(watched, done))
    story.check()


def test_attempts_fail_that_are_repeated(tmp_path: Path, story: Story) -> None:
    url = reopened(f"sqlite:///{tmp_path / 'jobs.db'}")
    retried = f"gearbridge_jobs_retried_total{_LABELS}"
    with WatchedServer(tmp_path, "--store", url) as server:

        def once_more() -> None:
            before = server.metrics().get(retried, 0)
            with closing(sqlite3.connect(tmp_path / "jobs.db")) as db, db:
                gearbridge.enqueue(db, _FUNCTION, b"p", max_attempts=20)
            wait_until(lambda: server.metrics().get(retried, 0) > before, what="a failed attempt")

        done = _rounds(server, f"gearbridge_jobs_completed_total{_LABELS}")
        with working(server.address, **{_FUNCTION: lambda job: None}):
            story.phase(server=server, meanwhile=done)
        with working(server.address, **{_FUNCTION: fail}):
            story.phase("AttemptsFail", server=server, meanwhile=once_more, minutes=2 * MINUTES)
        with working(server.address, **{_FUNCTION: lambda job: None}):
            story.phase(server=server, meanwhile=done)
    story.check()


def test_the_store_is_away(database: Database, tmp_path: Path, story: Story) -> None:
    with Switch(database.cluster.port) as switch:
        url = database.url.replace(f":{database.cluster.port}/", f":{switch.port}/")
        with WatchedServer(tmp_path, "--store", url) as server:
            story.phase(server=server)
            switch.cut()
            shows(server, "gearbridge_store_up", 0)
            story.phase("StoreAway", server=server)
            switch.mend()
            shows(server, "gearbridge_store_up", 1)
            story.phase(server=server)
    story.check()


def test_the_disk_is_full(full_disk: Disk, tmp_path: Path, story: Story) -> None:
    with (
        full_disk.in_use(),
        WatchedServer(tmp_path) as server,
        Client(server.address) as client,
        working(server.address, **{_FUNCTION: lambda job: None}),
    ):

        def submit(count: int) -> None:
            for _ in range(count):
                client.do_background(_FUNCTION, bytes(100_000))

        submit(1)
        story.phase(server=server)
        full_disk.fill()
        with pytest.raises(ServerError):
            submit(1000)
        shows(server, "gearbridge_store_full", 1)
        story.phase("DiskFull", server=server)
        full_disk.clear()
        shows(server, "gearbridge_store_full", 0)
        story.phase(server=server)
    story.check()


def test_a_node_is_lost(database: Database, tmp_path: Path, story: Story) -> None:
    def node(name: str) -> WatchedServer:
        folder = tmp_path / name
        folder.mkdir()
        return WatchedServer(folder, "--store", database.url, "--node", name, "--lease", "2")

    with node("a") as a, node("b") as b:
        for server in (a, b):
            shows(server, "gearbridge_nodes", 2)
        story.phase(a=a, b=b)
        b.kill()
        shows(a, "gearbridge_nodes", 1)
        shows(a, "gearbridge_nodes_lost_total", 1)
        story.phase("NodeLost", "ServerDown", a=a, b=None)
        b.start()
        shows(a, "gearbridge_nodes", 2)
        story.phase(a=a, b=b)
    story.check()


def test_a_server_is_down(tmp_path: Path, story: Story) -> None:
    with WatchedServer(tmp_path) as server:
        story.phase(server=server)
        server.kill()
        story.phase("ServerDown", server=None)
        server.start()
        story.phase(server=server)
    story.check()


def test_a_bridge_has_no_job_server(
    gearbridge_server: GearbridgeServer, tmp_path: Path, start_bridge: StartBridge, story: Story
) -> None:
    url = reopened(f"sqlite:///{tmp_path / 'app.db'}")
    bridge = WatchedBridge(start_bridge(url, gearbridge_server.address, *HTTP))
    shows(bridge, "gearbridge_ready", 1)
    story.phase(bridge=bridge)
    gearbridge_server.kill()
    shows(bridge, "gearbridge_ready", 0)
    story.phase("BridgeWithoutJobServer", bridge=bridge)
    gearbridge_server.start()
    shows(bridge, "gearbridge_ready", 1)
    story.phase(bridge=bridge)
    story.check()


def test_all_bridges_stand_by(database: Database, start_bridge: StartBridge, story: Story) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    owner = start_bridge(database.url, nobody)
    bridge = WatchedBridge(start_bridge(database.url, nobody, *HTTP, active=False))
    shows(bridge, "gearbridge_bridge_active", 0)
    story.phase("NoBridgeWorks", bridge=bridge)
    owner.kill()
    shows(bridge, "gearbridge_bridge_active", 1)
    story.phase("BridgeWithoutJobServer", bridge=bridge)  # it has none, which is the other trouble
    story.check()
