"""What `import gearbridge` gives, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import gearbridge


def test_every_public_name_is_there_and_documented() -> None:
    assert gearbridge.__all__ == sorted(gearbridge.__all__)
    for name in gearbridge.__all__:
        public = getattr(gearbridge, name)
        assert name == "__version__" or public.__doc__, f"{name} has no docstring"


def test_importing_it_loads_the_standard_library_only() -> None:
    script = "import sys, gearbridge, gearbridge.sqlite; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True).stdout
    startup = subprocess.run(
        [sys.executable, "-I", "-c", script.replace("gearbridge, gearbridge.sqlite", "os")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert set(loaded.split()) - set(startup.split()) - set(sys.stdlib_module_names) == {"gearbridge"}
