"""pygearman_client.py HOST PORT do|background FUNCTION PRIORITY UNIQUE_KEY, or HOST PORT status HANDLE.

The payload is read from standard input; standard output, standard error and exit status are as in client.php.
"""

import sys

from gearman import GearmanClient
from gearman.constants import JOB_CREATED, JOB_FAILED, PRIORITY_HIGH, PRIORITY_LOW, PRIORITY_NONE
from gearman.job import GearmanJob, GearmanJobRequest

host, port, mode, name = sys.argv[1:5]
client = GearmanClient([f"{host}:{port}"])


def status(handle: str) -> None:
    """Ask for a job that another process submitted, as pygearman allows since its version 2.0.2."""
    connection = client.establish_connection(client.connection_list[0])
    request = GearmanJobRequest(GearmanJob(connection, handle.encode(), None, None, None))
    request.state = JOB_CREATED
    client.connection_to_handler_map[connection].handle_to_request_map[handle.encode()] = request
    answer = client.get_job_status(request, poll_timeout=10).status
    print(*(int(answer[field]) for field in ("known", "running", "numerator", "denominator")))


def submit(priority: str, unique_key: str) -> int:
    number = {"high": PRIORITY_HIGH, "normal": PRIORITY_NONE, "low": PRIORITY_LOW}[priority]
    background = mode == "background"
    request = client.submit_job(
        name,
        sys.stdin.buffer.read(),
        unique=unique_key or None,
        priority=number,
        background=background,
        poll_timeout=30,
    )
    if background:
        print(request.job.handle.decode())
        return 0
    if request.status:
        print(f"status {request.status['numerator']}/{request.status['denominator']}", file=sys.stderr)
    for warning in request.warning_updates:
        print("warning", warning.decode(), file=sys.stderr)
    for data in request.data_updates:
        print("data", data.decode(), file=sys.stderr)
    if request.state == JOB_FAILED or request.timed_out:
        print("timed out" if request.timed_out else "failed", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(request.result)
    return 0


if mode == "status":
    status(name)
else:
    sys.exit(submit(*sys.argv[5:7]))
