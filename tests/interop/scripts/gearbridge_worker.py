"""gearbridge_worker.py HOST PORT PREFIX: works for the functions that README.md lists, until it is stopped."""

import sys
import time
from pathlib import Path

from gearbridge import Job, JobException, JobFailed, Worker


def fail(job: Job) -> None:
    raise JobFailed(job.handle, "as asked")


def throw(job: Job) -> None:
    raise JobException(job.handle, b"no ink")


def report(job: Job) -> str:
    job.send_status(1, 2)
    job.send_warning("careful")
    job.send_data("first")
    return "last"


def note(job: Job) -> None:
    file, text = job.payload.decode().split("\n")
    with Path(file).open("a") as out:
        out.write(text + "\n")


def slow(job: Job) -> str:
    job.send_status(3, 4)
    while not Path(job.payload.decode()).exists():
        time.sleep(0.005)
    return "done"


host, port, prefix = sys.argv[1:4]
worker = Worker(f"{host}:{port}", client_id=f"interop-{prefix}")
worker.register(f"{prefix}.reverse", lambda job: job.payload[::-1])
worker.register(f"{prefix}.nothing", lambda job: None)
worker.register(f"{prefix}.unique", lambda job: job.unique_key)
for function in (fail, throw, report, note, slow):
    worker.register(f"{prefix}.{function.__name__}", function)
worker.register(f"{prefix}.brief", slow, timeout=1)
worker.work()
