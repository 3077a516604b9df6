"""Every transcript is true of the engine in memory, of `gearbridge server` with a durable store, and of gearmand."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from gearbridge.core.settings import Settings
from gearbridge.wire.commands import CLIENT, COMMANDS, SERVER, WORKER
from tests.fixtures.gearmand import Gearmand, NewerGearmand
from tests.fixtures.server import GearbridgeServer

from .page import PAGE, page
from .play import play
from .script import ADMIN_COMMANDS, Transcript, read_all
from .stage import MemoryStage, ServerStage

if TYPE_CHECKING:
    from pathlib import Path

TRANSCRIPTS = read_all()
EACH = pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda transcript: transcript.path.stem)


@EACH
def test_in_memory(transcript: Transcript) -> None:
    play(transcript, MemoryStage(**settings_of(transcript)), "gearbridge")


@EACH
def test_with_a_gearbridge_server(transcript: Transcript, tmp_path: Path) -> None:
    with GearbridgeServer(tmp_path, *transcript.options) as server, ServerStage(server) as stage:
        play(transcript, stage, "gearbridge")


@EACH
@pytest.mark.parametrize("oracle", [Gearmand, NewerGearmand])
def test_with_gearmand(transcript: Transcript, tmp_path: Path, oracle: type[Gearmand]) -> None:
    with oracle(tmp_path, *transcript.options) as server, ServerStage(server) as stage:
        play(transcript, stage, "gearmand")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_packet_is_in_a_transcript(command: object) -> None:
    row = COMMANDS[command.number - 1]  # type: ignore[attr-defined]  # pytest's parameters have no type
    sent = set().union(*(transcript.packets(">") for transcript in TRANSCRIPTS))
    heard = set().union(*(transcript.packets("<") for transcript in TRANSCRIPTS))
    assert row.name in sent or not {CLIENT, WORKER} & set(row.senders)
    assert row.name in heard or SERVER not in row.senders
    assert row.name in sent | heard or not row.senders


@pytest.mark.parametrize("command", ADMIN_COMMANDS)
def test_every_admin_command_is_in_a_transcript(command: str) -> None:
    assert any(command in transcript.lines() for transcript in TRANSCRIPTS)


@EACH
def test_a_transcript_has_a_title_and_explains_its_deviations(transcript: Transcript) -> None:
    assert transcript.title.endswith(".")
    known = {command.name for command in COMMANDS} | set(ADMIN_COMMANDS) | {"other lines", "other packets"}
    for deviation in transcript.deviations:
        assert set(deviation.of) <= known
        assert deviation.why.endswith(".")
    differs = {step.only for step in transcript.steps} - {""}
    assert bool(differs) == bool(transcript.deviations)


def settings_of(transcript: Transcript) -> dict[str, object]:
    """The options as the engine takes them; gearmand's others mean nothing to it, or are so always."""
    found: dict[str, object] = {}
    known = {field.name for field in fields(Settings)}
    for option in transcript.options:
        name, given, value = option.removeprefix("--").partition("=")
        setting = "handle_prefix" if name == "job-handle-prefix" else name.replace("-", "_")
        if setting in known:
            found[setting] = int(value) if value.isdigit() else value if given else True
    return found


def test_the_page_on_compatibility_is_what_the_transcripts_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(TRANSCRIPTS), "stale: run python -m tests.transcripts.page"
