"""docs/reference/compatibility.md, made from the transcripts: `python -m tests.transcripts.page` writes it anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.wire.commands import CLIENT, COMMANDS, WORKER

from .script import ADMIN_COMMANDS, FOLDER, read_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .script import Transcript

_SCHEDULES = """\
## SUBMIT_JOB_SCHED

Arguments: function, unique key, minute (0-59), hour (0-23), day of the month (1-31), month (1-12), day of the week
(0-6, 0 is Monday), payload. An empty field or `*` stands for any; those given must hold together. The job runs once, in
background, at the first minute that begins at or after the moment of its submission and matches. Times are UTC. A field
out of its bounds, and a day that its month never has (31 February), are refused with ERROR `INVALID_ARGUMENT`. The due
time is kept with the job: a restart does not move it.
"""

_LIMITS = """\
## What gearmand has no limit for

gearmand holds any packet, any number of connections and whatever nobody reads, and a silent connection to its TLS port
keeps one of its threads busy. Here there are [limits](../howto/security.md#limits). A command that changes something,
from an address that is not in `--admin-from`, is answered with `ERR NOT_PERMITTED`.
"""

#: How many transcripts without a deviation are named in a row.
SHOWN = 3

PAGE = FOLDER.parent.parent / "docs" / "reference" / "compatibility.md"

_HEAD = """\
# Compatibility with gearmand

What gearbridge answers to each packet and admin command, beside gearmand 1.1.20 and 1.1.21, which answer all of it
alike: what is said of 1.1.20 here is true of both. Every line of this page is the outcome of
[transcripts](../../tests/transcripts/README.md), played against both in the tests: "as gearmand" means that both
gave the same answers to the same conversation, and a deviation is shown on both, gearmand's side included. The page is
made from them by `python -m tests.transcripts.page`.
"""


def page(transcripts: list[Transcript]) -> str:
    """The whole page."""
    requests = [command.name for command in COMMANDS if {CLIENT, WORKER} & set(command.senders)]
    replies = [command.name for command in COMMANDS if command.senders and command.name not in requests]
    sections = [
        _HEAD,
        _section("Packets that clients and workers send", requests, transcripts, ">"),
        _section("Packets that the server sends", replies, transcripts, "<"),
        _section("Admin commands", ADMIN_COMMANDS, transcripts, ">"),
        _section("Everything else", ("other packets", "other lines"), transcripts, ">"),
        _losses(transcripts),
        _SCHEDULES,
        _LIMITS,
    ]
    return "\n".join(sections)


def _section(title: str, names: Iterable[str], transcripts: list[Transcript], how: str) -> str:
    rows = [f"## {title}", "", "| what | beside gearmand | shown in |", "| --- | --- | --- |"]
    for name in names:
        whys: dict[str, Transcript] = {}
        for transcript in transcripts:
            for deviation in transcript.deviations:
                if name in deviation.of:
                    whys.setdefault(deviation.why, transcript)
        deviating = list(dict.fromkeys(whys.values()))
        others = [t for t in transcripts if name in t.packets(how) | t.lines() and t not in deviating]
        verdict = "deviates: " + " ".join(_sentence(why) for why in whys) if whys else "as gearmand"
        rows.append(f"| `{name}` | {verdict} | {_links([*deviating, *others[:SHOWN]])} |")
    return "\n".join(rows) + "\n"


def _losses(transcripts: list[Transcript]) -> str:
    """The defects of gearmand by name: the transcripts whose title says that it is one."""
    rows = ["## Defects of gearmand that are not copied", ""]
    prefix = "Defect of gearmand: "
    rows += [
        f"- {_sentence(transcript.title.removeprefix(prefix))} ({_links([transcript])})"
        for transcript in transcripts
        if transcript.title.startswith(prefix)
    ]
    return "\n".join(rows) + "\n"


def _sentence(text: str) -> str:
    # gearmand's name is written small at the beginning of a sentence too.
    return text if text.startswith("gearmand") else text[:1].upper() + text[1:]


def _links(transcripts: list[Transcript]) -> str:
    return ", ".join(
        f"[{transcript.path.stem}](../../tests/transcripts/{transcript.path.name})" for transcript in transcripts
    )


if __name__ == "__main__":
    PAGE.write_text(page(read_all()), encoding="utf-8")
