"""The demo's worker: real pictures through a real job server."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageChops

from gearbridge import Client, JobFailed
from tests.fixtures.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.processes import StartProcess
    from tests.fixtures.server import GearbridgeServer


@pytest.fixture
def client(gearbridge_server: GearbridgeServer, start_process: StartProcess) -> Iterator[Client]:
    """A client of a server for which the worker works."""
    start_process(sys.executable, "-m", "gearbridge.demo.resize_worker", gearbridge_server.address)
    wait_until(lambda: "resize\t0\t0\t1" in gearbridge_server.admin("status"), what="the worker")
    with Client(gearbridge_server.address) as client:
        yield client


def resize(client: Client, path: Path, output: Path, width: int = 60) -> dict[str, object]:
    payload = json.dumps({"path": str(path), "width": width, "output": str(output)})
    result = client.do("resize", payload, timeout=30)
    answer: dict[str, object] = json.loads(result)
    return answer


def test_a_picture_is_resized_as_pillow_does_it_at_once(client: Client, tmp_path: Path) -> None:
    picture = Image.radial_gradient("L").resize((301, 203)).convert("RGB")
    picture.save(tmp_path / "in.png")
    thumbnail = tmp_path / "out.png"
    assert resize(client, tmp_path / "in.png", thumbnail) == {"output": str(thumbnail), "width": 60, "height": 40}
    with Image.open(thumbnail) as made:
        expected = picture.resize((60, 40), Image.Resampling.LANCZOS)
        difference = ImageChops.difference(made, expected).convert("L")
        assert max(difference.tobytes()) <= 1  # a strip's edges may be rounded differently


def test_transparency_is_kept(client: Client, tmp_path: Path) -> None:
    Image.new("RGBA", (100, 50), (255, 0, 0, 0)).save(tmp_path / "in.png")
    resize(client, tmp_path / "in.png", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as made:
        assert made.getchannel("A").getextrema() == (0, 0)


def test_a_picture_lower_than_the_steps_of_the_work_is_resized_too(client: Client, tmp_path: Path) -> None:
    Image.new("RGB", (1000, 10), "navy").save(tmp_path / "in.png")
    assert resize(client, tmp_path / "in.png", tmp_path / "out.png")["height"] == 1


def test_progress_is_told_from_nothing_to_all(client: Client, tmp_path: Path) -> None:
    Image.new("RGB", (100, 100), "navy").save(tmp_path / "in.png")
    payload = json.dumps({"path": str(tmp_path / "in.png"), "width": 50, "output": str(tmp_path / "out.png")})
    told: list[tuple[int, int]] = []
    client.do("resize", payload, timeout=30, on_status=lambda done, all_of_it: told.append((done, all_of_it)))
    assert told == [(step, 16) for step in range(17)]


@pytest.mark.parametrize(
    "payload", [b"", b"no json", b"{}", b'{"path": "/nowhere/in.png", "width": 60, "output": "/nowhere/out.png"}']
)
def test_a_payload_that_is_no_use_fails_the_job_and_not_the_worker(client: Client, payload: bytes) -> None:
    for _ in range(2):
        with pytest.raises(JobFailed):
            client.do("resize", payload, timeout=30)


def test_a_file_that_is_no_picture_leaves_no_thumbnail(client: Client, tmp_path: Path) -> None:
    (tmp_path / "in.png").write_text("no picture")
    with pytest.raises(JobFailed):
        resize(client, tmp_path / "in.png", tmp_path / "out.png")
    assert [path.name for path in tmp_path.glob("*out*")] == []
