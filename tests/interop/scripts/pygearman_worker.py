"""pygearman_worker.py HOST PORT PREFIX: works for the functions that README.md lists, until it is stopped."""

import sys
import time
from pathlib import Path
from typing import Any

from gearman import GearmanWorker

host, port, prefix = sys.argv[1:4]


class Worker(GearmanWorker):  # type: ignore[misc]  # pygearman publishes no types
    def on_job_exception(self, current_job: Any, exc_info: Any) -> bool:
        """As pygearman's documentation suggests for workers whose clients ask for exceptions."""
        if isinstance(exc_info[1], RuntimeError):
            self.send_job_exception(current_job, str(exc_info[1]).encode())
            return False
        return bool(super().on_job_exception(current_job, exc_info))


def fail(worker: Worker, job: Any) -> bytes:
    raise ValueError("any error is a failed job")


def throw(worker: Worker, job: Any) -> bytes:
    raise RuntimeError("no ink")


def report(worker: Worker, job: Any) -> bytes:
    worker.send_job_status(job, 1, 2)
    worker.send_job_warning(job, b"careful")
    worker.send_job_data(job, b"first")
    return b"last"


def note(worker: Worker, job: Any) -> bytes:
    file, text = job.data.decode().split("\n")
    with Path(file).open("a") as out:
        out.write(text + "\n")
    return b""


def slow(worker: Worker, job: Any) -> bytes:
    worker.send_job_status(job, 3, 4)
    while not Path(job.data.decode()).exists():
        time.sleep(0.005)
    return b"done"


worker = Worker([f"{host}:{port}"])
worker.set_client_id(f"interop-{prefix}".encode())
functions = {
    "reverse": lambda worker, job: job.data[::-1],
    "nothing": lambda worker, job: b"",
    "unique": lambda worker, job: job.unique,
    "fail": fail,
    "throw": throw,
    "report": report,
    "note": note,
    "slow": slow,
}
for name, function in functions.items():
    worker.register_task(f"{prefix}.{name}".encode(), function)
worker.work(poll_timeout=1.0)
