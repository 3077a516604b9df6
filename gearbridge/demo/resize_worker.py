"""A worker that makes thumbnails: the demo's own, and an example to begin with.

    python -m gearbridge.demo.resize_worker 127.0.0.1:4730

It does jobs of the function `resize`. The payload is JSON: {"path": "in.jpg", "width": 480, "output": "out.png"}; the
result is JSON too: {"output": "out.png", "width": 480, "height": 320}. Who may submit jobs may read and write the
pictures that this process may.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from PIL import Image, ImageOps

from gearbridge import Job, JobFailed, Worker

STRIPS = 16  # the picture is resized in so many steps, to report progress


def resize(job: Job) -> str:
    """Do one job; what goes wrong with the payload or the picture fails the job."""
    try:
        task = json.loads(job.payload)
        path, width, output = Path(task["path"]), int(task["width"]), Path(task["output"])
        job.send_status(0, STRIPS)
        thumbnail = shrink(read_picture(path), width, job)
        save(thumbnail, output)
    except (KeyError, TypeError, ValueError, OSError, Image.DecompressionBombError) as error:
        raise JobFailed(job.handle, f"{type(error).__name__}: {error}") from error
    return json.dumps({"output": str(output), "width": thumbnail.width, "height": thumbnail.height})


def read_picture(path: Path) -> Image.Image:
    """Read a picture, upright, with its transparency if it has any. Raises OSError for what is no picture."""
    with Image.open(path) as file:
        picture = ImageOps.exif_transpose(file)
        return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def shrink(picture: Image.Image, width: int, job: Job) -> Image.Image:
    """Resize to `width` pixels, keeping the proportions, and report progress."""
    if width < 1:
        raise ValueError(f"a width of {width} pixels")
    height = max(1, round(picture.height * width / picture.width))
    thumbnail = Image.new(picture.mode, (width, height))
    for strip in range(STRIPS):
        top, bottom = height * strip // STRIPS, height * (strip + 1) // STRIPS
        if bottom > top:
            scale = picture.height / height
            box = (0, top * scale, picture.width, bottom * scale)
            part = picture.resize((width, bottom - top), Image.Resampling.LANCZOS, box)
            thumbnail.paste(part, (0, top))
        job.send_status(strip + 1, STRIPS)
    return thumbnail


def save(picture: Image.Image, output: Path) -> None:
    """Write the file whole or not at all: a job whose worker was lost is done again."""
    unfinished = output.with_name(f".{output.name}.unfinished")
    picture.save(unfinished, format=Image.registered_extensions().get(output.suffix.lower(), "PNG"))
    unfinished.replace(output)


def main() -> None:
    """Work until SIGTERM or Ctrl-C; the running job is finished first."""
    worker = Worker(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:4730")
    worker.register("resize", resize)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    worker.work()


if __name__ == "__main__":
    main()
