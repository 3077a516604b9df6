"""What the site's build does to docs/: the navigation by folder, and files from elsewhere.

The pages are written to be read in the repository too, so they link to files outside of docs/; those join the site.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

#: The sections in their order: title, folder, and the pages that come first. Pages not named follow by name.
SECTIONS = (
    (
        "How to",
        "howto",
        ("install", "jobs-with-the-transaction", "triggers", "exactly-once", "write-a-worker", "move-from-gearmand"),
    ),
    ("Reference", "reference", ("cli", "settings", "sql", "compatibility")),
    ("Explanation", "explain", ("design", "durability", "delivery-guarantees", "why-not-notify-alone")),
    ("Internals", "internals", ("architecture", "life-of-a-job", "glossary", "debugging")),
    ("Decisions", "adr", ("README",)),
)

#: The conversations with gearmand are tests, and proofs that the reference links to.
TRANSCRIPTS = ROOT / "tests" / "transcripts"
_TO_TRANSCRIPTS = re.compile(r"\]\(((?:\.\./)*)\.\./tests/transcripts/")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the navigation."""
    nav: list[Any] = [{"gearbridge": "index.md"}, {"Quickstart": "quickstart.md"}]
    for title, folder, first in SECTIONS:
        names = sorted(page.stem for page in (DOCS / folder).glob("*.md"))
        ordered = [name for name in first if name in names] + [name for name in names if name not in first]
        nav.append({title: [f"{folder}/{name}.md" for name in ordered]})
    nav.append({"Project": ["contributing.md", "changelog.md"]})
    config.nav = nav
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the conversations, which are outside of docs/."""
    for path in sorted(TRANSCRIPTS.iterdir()):
        if path.suffix in {".md", ".txt"}:
            files.append(File.generated(config, f"transcripts/{path.name}", content=path.read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links between docs/ and the conversations to where they are on the site."""
    return _TO_TRANSCRIPTS.sub(r"](\1transcripts/", markdown).replace("](../../docs/", "](../")
