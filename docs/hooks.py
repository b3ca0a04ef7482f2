"""What MkDocs does beside building: links to files of the repository lead to them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
REPOSITORY: Final = os.environ.get("DOCS_REPOSITORY")
"""Where the repository can be read; None: on this machine."""
_LINK: Final = re.compile(r"\]\((\.\./[^)#\s]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The first page is README.md. Links from a page to what lies outside of docs/ become
    addresses; it must be there."""
    folder = Path(page.file.abs_src_path).parent
    if page.file.src_path == "index.md":
        readme = (ROOT / "README.md").read_text("utf-8")
        here = re.sub(r"\]\((?![a-z]+:|docs/)", "](../", readme)
        markdown = re.sub(r"\]\(docs/|(?<=src=\")docs/", lambda m: m[0][: -len("docs/")], here)

    def replaced(match: re.Match[str]) -> str:
        target = (folder / match[1]).resolve()
        if target == ROOT / "README.md":
            first = os.path.relpath(ROOT / "docs" / "index.md", folder)
            return f"]({first}{match[2] or ''})"
        if target.is_relative_to(ROOT / "docs"):
            return match[0]
        if not target.exists():
            raise FileNotFoundError(f"{page.file.src_path} links to {match[1]}, which is not there")
        kind = "tree" if target.is_dir() else "blob"
        root = f"{REPOSITORY}/{kind}/main" if REPOSITORY else ROOT.as_uri()
        return f"]({root}/{target.relative_to(ROOT)}{match[2] or ''})"

    return _LINK.sub(replaced, markdown)
