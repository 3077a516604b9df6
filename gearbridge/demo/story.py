"""The demo's story: job server, worker, one SQL statement, progress, thumbnail, end."""

from __future__ import annotations

import json
import tempfile
import time
from typing import TYPE_CHECKING

import click

from ..client.client import Client
from ..errors import ConfigurationError
from ..ports import free_port
from .databases import open_postgresql, open_sqlite
from .picture import describe_picture, make_picture
from .stage import Stage, gearbridge_command, python_command

if TYPE_CHECKING:
    from pathlib import Path

    from .databases import Database

_WIDTH = 480  # of the thumbnail, in pixels
_PATIENCE = 60.0  # seconds for the job


def tell(image: Path | None, output: Path, *, postgres: bool) -> None:
    """Run the demo; the thumbnail and the logs stay in the folder `output`. Raises GearbridgeError."""
    _demand_writable(output)
    with Stage(output) as stage:
        picture = _picture(stage, image, output)
        thumbnail = output / "thumbnail.png"
        thumbnail.unlink(missing_ok=True)
        address = _start_server(stage, output)
        _start_worker(stage, address)
        with (open_postgresql if postgres else open_sqlite)(stage, address) as database:
            seconds = _do_job(stage, database, picture, thumbnail)
        if not thumbnail.exists():
            raise ConfigurationError(f"the worker wrote no thumbnail; it said:\n{stage.log_of('worker')}")
        stage.say(f"Done {seconds:.2f} s after the statement. The thumbnail:")
        stage.answer(f"{thumbnail}: {describe_picture(thumbnail)}")
        stage.say("Stopping the worker, the job server and what else was started.")
    click.echo()
    click.echo(f"All of it took {stage.elapsed():.1f} s. Every line after a prompt can be typed again.")
    click.echo(f"What the server and the worker said is in {output}. How to go on: docs/quickstart.md")


def _demand_writable(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=output).close()
    except OSError as error:
        raise ConfigurationError(
            f"the demo cannot write into {output}: {error.strerror}; --output FOLDER names another place for its files"
        ) from error


def _picture(stage: Stage, image: Path | None, output: Path) -> Path:
    if image is None:
        image = output / "picture.jpg"
        stage.say("A picture to make a thumbnail of (gearbridge demo --image FILE takes one of yours):")
        make_picture(image)
    else:
        stage.say("Your picture:")
    stage.answer(f"{image}: {describe_picture(image)}")
    return image


def _start_server(stage: Stage, output: Path) -> str:
    stage.say("The job server keeps background jobs in an SQLite file. A Gearman client of any language can use it:")
    port = free_port()
    options = ("--listen", "127.0.0.1", "--port", str(port), "--store", f"sqlite:///{output / 'jobs.db'}")
    stage.start("server", gearbridge_command(), "server", *options, ready="listening on")
    return f"127.0.0.1:{port}"


def _start_worker(stage: Stage, address: str) -> None:
    stage.say("A worker that makes thumbnails, in a process of its own:")
    stage.start("worker", python_command(), "-m", "gearbridge.demo.resize_worker", address)
    with Client(address) as client:
        stage.wait_for("worker", lambda: "resize\t0\t0\t1" in client.admin("status"))  # no job left, one worker
    stage.run(gearbridge_command(), "admin", "status", "--servers", address)


def _do_job(stage: Stage, database: Database, picture: Path, thumbnail: Path) -> float:
    """Submit the job and follow it to its end; return the seconds from the statement to the end."""
    payload = json.dumps({"path": str(picture.absolute()), "width": _WIDTH, "output": str(thumbnail.absolute())})
    started = time.monotonic()
    handle = database.submit("resize", payload)
    stage.say("The statement is back at once. How far the worker is, asked by SQL again and again:")
    database.show_status(handle)
    shown = ""
    while True:
        progress = database.progress(handle)
        seconds = time.monotonic() - started
        if progress.shown != shown:
            shown = progress.shown
            stage.answer(shown)
        if not progress.known:
            return seconds
        if seconds > _PATIENCE:
            raise ConfigurationError(
                f"the job is not done after {seconds:.0f} s; the worker said:\n{stage.log_of('worker')}"
            )
        time.sleep(0.01)
