"""The demo's story: database, job server, worker, trigger, one INSERT, progress, thumbnail, end."""

from __future__ import annotations

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
    stage = Stage(output)
    picture = _picture(stage, image, output)
    thumbnail = output / "thumbnail.png"
    thumbnail.unlink(missing_ok=True)
    # The programs end before the database that the job server keeps its jobs in.
    with (open_postgresql if postgres else open_sqlite)(stage, output) as database, stage:
        address = _start_server(stage, database)
        _start_worker(stage, address)
        _make_trigger(stage, database)
        seconds = _do_job(stage, database, address, picture, thumbnail)
        if not thumbnail.exists():
            raise ConfigurationError(f"the worker wrote no thumbnail; its output:\n{stage.log_of('worker')}")
        stage.say(f"Done {seconds:.2f} s after the commit. The thumbnail:")
        stage.answer(f"{thumbnail}: {describe_picture(thumbnail)}")
        stage.say("Stopping the worker, the job server and what else was started.")
    click.echo()
    click.echo(f"All of it took {stage.elapsed():.1f} s. Every line after a prompt can be typed again.")
    click.echo(f"The output of server and worker is in {output}. How to go on: docs/quickstart.md")


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


def _start_server(stage: Stage, database: Database) -> str:
    stage.say("The job server keeps its jobs in that database, too. A Gearman client of any language can use it:")
    port = free_port()
    options = ("--listen", "127.0.0.1", "--port", str(port), "--store", database.url)
    stage.start("server", gearbridge_command(), "server", *options, ready="listening on")
    return f"127.0.0.1:{port}"


def _start_worker(stage: Stage, address: str) -> None:
    stage.say("A worker that makes thumbnails, in a process of its own:")
    stage.start("worker", python_command(), "-m", "gearbridge.demo.resize_worker", address)
    with Client(address) as client:
        stage.wait_for("worker", lambda: "resize\t0\t0\t1" in client.admin("status"))  # no job left, one worker
    stage.run(gearbridge_command(), "admin", "status", "--servers", address)


def _make_trigger(stage: Stage, database: Database) -> None:
    stage.say("From now on each new row is a job of the function resize, and these columns are its payload:")
    wish = ("--table", "images", "--on", "insert", "--function", "resize", "--columns", "path,width,output")
    stage.run(gearbridge_command(), "trigger", "create", "--database", database.url, *wish)


def _do_job(stage: Stage, database: Database, address: str, picture: Path, thumbnail: Path) -> float:
    """Insert the picture and follow its job to its end; return the seconds from the commit to the end."""
    stage.say("An INSERT is all it takes, by any program. The job is part of its transaction:")
    handle = database.insert(picture.absolute(), _WIDTH, thumbnail.absolute())
    started = time.monotonic()
    stage.say("How far the worker is, asked by SQL again and again:")
    database.ask(address, handle)
    shown = ""
    while True:
        progress = database.progress(handle)
        seconds = time.monotonic() - started
        if progress.shown != shown and (progress.known or not progress.unfinished):
            shown = progress.shown
            stage.answer(shown)
        if not progress.known and not progress.unfinished:
            return seconds
        if seconds > _PATIENCE:
            raise ConfigurationError(
                f"the job is not done after {seconds:.0f} s; the worker's output:\n{stage.log_of('worker')}"
            )
        time.sleep(0.01)
