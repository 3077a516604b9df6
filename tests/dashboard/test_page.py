"""The page in a real browser: what it shows agrees with the server, and everybody can use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.keys import Keys

from gearbridge import Client
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GEARBRIDGE
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from gearbridge import Job
    from tests.fixtures.dashboard import WatchedServer
    from tests.fixtures.processes import StartProcess

    from .browser import Browser

#: Of the bench: enough for the page to look several times meanwhile.
JOBS = 120_000
FUNCTIONS, FAILURES, WORKERS = "#function-rows", "#failure-rows", "#worker-rows"


def fail(_job: Job) -> bytes:
    raise ValueError("<b>no such picture</b>")


def shown(browser: Browser) -> dict[str, list[int]]:
    """Per function what the page shows of jobs not done, running, and workers, as the admin protocol counts them."""
    return {
        name: [number(waiting) + number(running), number(running), number(workers)]
        for name, waiting, _, running, workers, *_ in browser.table(FUNCTIONS)
    }


def number(text: str) -> int:
    return int(text.replace(",", ""))


def told(server: WatchedServer) -> dict[str, list[int]]:
    """The same from `gearbridge admin status`."""
    rows = (line.split("\t") for line in server.admin("status"))
    return {name: list(map(int, figures)) for name, *figures in rows}


def test_figures_agree_with_admin_status_while_bench_runs(
    watched: WatchedServer, browser: Browser, start_process: StartProcess
) -> None:
    with Client(watched.address) as client:
        for size in (3, 5):
            client.do_background_many(f"waiting{size}", [b"x"] * size)
    browser.open(watched.url)
    bench = start_process(GEARBRIDGE, "bench", "--servers", watched.address, "--jobs", str(JOBS), "--workers", "4")
    done = "gearbridge_bench"
    wait_until(lambda: done in shown(browser), what="the bench's function on the page")
    seen = []
    while bench.running:
        figures = shown(browser)
        assert figures["waiting3"] == [3, 0, 0]
        assert figures["waiting5"] == [5, 0, 0]
        seen.append(figures[done])
        assert number(browser.text("#waiting")) >= 8
        browser.run("return new Promise(done => setTimeout(done, 50))")
    bench.succeed()
    assert any(total > 0 for total, _, _ in seen), "jobs of the bench were seen waiting"
    wait_until(lambda: shown(browser) == told(watched), what="agreement at rest")
    (row,) = [row for row in browser.table(FUNCTIONS) if row[0] == done]
    assert number(row[5]) == JOBS
    assert number(browser.text("#completed")) == JOBS
    wait_until(lambda: browser.run("return document.querySelectorAll('#rate-line path')[1].getAttribute('d')"))
    assert browser.complaints() == []


def test_a_failed_job_is_shown_as_text_and_retried_by_keyboard(watched: WatchedServer, browser: Browser) -> None:
    with working(watched.address, resize=fail), Client(watched.address) as client:
        handle = client.do_background("resize", b"x")
        browser.open(watched.url)
        wait_until(lambda: browser.table(FAILURES))
        ((function, shown_handle, error, _, again),) = browser.table(FAILURES)
        assert (function, shown_handle, again) == ("resize", handle, "Retry")
        assert "<b>no such picture</b>" in error
    browser.find(f"{FAILURES} button").send_keys(Keys.ENTER)
    wait_until(lambda: handle in browser.text("#outcome") and not browser.table(FAILURES))
    wait_until(lambda: browser.run("return document.activeElement.id") == "failures")
    wait_until(lambda: shown(browser).get("resize") == [1, 0, 0])
    assert watched.admin("status") == ["resize\t1\t0\t0"]
    assert browser.complaints() == []


def test_ten_thousand_functions_are_searched_sorted_and_paged(many: WatchedServer, browser: Browser) -> None:
    browser.open(many.url)
    wait_until(lambda: browser.text("#place") == "1 to 50 of 10,000")
    assert len(browser.table(FUNCTIONS)) == 50
    assert browser.run("return document.querySelectorAll('*').length") < 3000
    browser.find("#next").click()
    wait_until(lambda: browser.text("#place") == "51 to 100 of 10,000")
    browser.find("#search").send_keys("F77")
    wait_until(lambda: browser.text("#place") == "1 to 50 of 111")
    browser.find("#sort").send_keys("name")
    wait_until(lambda: browser.table(FUNCTIONS)[0][0] == "f77")
    browser.find("#search").send_keys("77")
    wait_until(lambda: [row[0] for row in browser.table(FUNCTIONS)] == ["f7777"])
    browser.find("#search").send_keys("x")
    wait_until(lambda: browser.find("#no-functions").is_displayed())
    # No task of the page, drawing included, keeps its user waiting.
    longest = browser.run(
        "return new Promise(done => { let longest = 0;"
        "new PerformanceObserver(list => list.getEntries().forEach(one => longest = Math.max(longest, one.duration)))"
        ".observe({type: 'longtask', buffered: true}); setTimeout(() => done(longest), 100) })"
    )
    assert longest < 1000
    assert browser.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everybody_can_use_it(watched: WatchedServer, browser: Browser, width: int, scheme: str) -> None:
    """axe finds nothing, at the width of a phone too, where nothing has to be scrolled sideways."""
    long = "a-function-whose-name-is-longer-than-any-screen-of-a-phone-is-wide-" * 3
    with working(watched.address, resize=fail, idle=fail), Client(watched.address) as client:
        for name in ("resize", "resize", long):
            client.do_background(name, b"x")
        browser.open(watched.url, width, 844, scheme)
        wait_until(lambda: len(browser.table(FAILURES)) == 2 and len(browser.table(FUNCTIONS)) == 3)
        assert browser.violations() == []
        assert browser.run("return document.documentElement.scrollWidth") <= width
        assert browser.run("return getComputedStyle(document.documentElement).backgroundColor") == (
            "rgb(251, 250, 247)" if scheme == "light" else "rgb(20, 23, 26)"
        )


def test_the_numbers_of_a_row_are_level(watched: WatchedServer, browser: Browser) -> None:
    """On a phone too, where a row of the table is several lines of three figures."""
    with working(watched.address, idle=fail), Client(watched.address) as client:
        client.do_background("resize", b"x")
        for width in (1280, 390):
            browser.open(watched.url, width, 844)
            wait_until(lambda: len(browser.table(FUNCTIONS)) == 2)
            cells = browser.run(
                f"return [...document.querySelectorAll('{FUNCTIONS} tr:first-child td.number')].map(cell => {{"
                "const range = document.createRange();"
                "range.selectNodeContents(cell.querySelector('.line + span') || cell);"
                "return [cell, range].map(one => Math.round(one.getBoundingClientRect().top))})"
            )
            assert len(cells) == 6
            lines: dict[int, set[int]] = {}
            for top, number_top in cells:
                lines.setdefault(top, set()).add(number_top)
            assert len(lines) == (1 if width == 1280 else 2)
            assert all(len(tops) == 1 for tops in lines.values()), cells


def test_it_can_be_paused_and_says_when_the_server_is_gone(watched: WatchedServer, browser: Browser) -> None:
    browser.open(watched.url)
    pause = browser.find("#pause")
    assert pause.text == "Pause updates", "the functions go on"
    pause.send_keys(Keys.SPACE)
    wait_until(lambda: pause.get_attribute("aria-pressed") == "true")
    pause.send_keys(Keys.SPACE)
    watched.kill()
    wait_until(lambda: "no answer" in browser.text("#state"))
