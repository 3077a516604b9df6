"""gearbridge_client.py HOST PORT do|background FUNCTION PRIORITY UNIQUE_KEY, or HOST PORT status HANDLE.

How it is called and what it writes is told in README.md.
"""

import sys

from gearbridge import Client, JobException, JobFailed, Priority


def tell(*words: str) -> None:
    print(*words, file=sys.stderr)


host, port, mode, name = sys.argv[1:5]
with Client(f"{host}:{port}") as client:
    if mode == "status":
        status = client.status(name)
        print(int(status.known), int(status.running), status.numerator, status.denominator)
        sys.exit()
    priority, unique_key = Priority[sys.argv[5].upper()], sys.argv[6] or None
    payload = sys.stdin.buffer.read()
    if mode == "background":
        print(client.do_background(name, payload, unique_key, priority=priority))
        sys.exit()
    try:
        result = client.do(
            name,
            payload,
            unique_key,
            priority=priority,
            on_status=lambda numerator, denominator: tell("status", f"{numerator}/{denominator}"),
            on_warning=lambda warning: tell("warning", warning.decode()),
            on_data=lambda data: tell("data", data.decode()),
        )
    except JobException as exception:
        tell("exception", str(exception))
        sys.exit(1)
    except JobFailed:
        tell("failed")
        sys.exit(1)
    sys.stdout.buffer.write(result)
